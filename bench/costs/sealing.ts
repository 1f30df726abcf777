/**
 * What a secret costs a message: characters, and processor time on both sides.
 *
 * ```ts
 * runSealing({ runs: 3 })[0]      // { message: 'one key', chars: 331, sealedChars: 353, sealUs: 8, openUs: 9 }
 * ```
 */

import { openSealed, seal } from '../../src/transports/sealed/envelope.ts'
import { SwarmKeys } from '../../src/transports/sealed/keys.ts'
import { Numbers } from '../../src/transports/sealed/numbers.ts'
import { newSecret } from '../../src/transports/sealed/secret.ts'
import { textOf } from '../engines/engine.ts'
import { pilotGossip } from '../engines/pilot-gossip.ts'
import { now } from '../runner/clock.ts'
import { medianOf } from '../runner/stats.ts'
import { wrongAnswer } from '../workloads/answer.ts'
import { Base } from '../workloads/base.ts'

export interface SealingRow {
  readonly message: string
  readonly chars: number
  readonly sealedChars: number
  /** Microseconds of processor time, medians. */
  readonly sealUs: number
  readonly openUs: number
}

const KEYS = 1_000

/** Messages of a sample, and samples for each run. */
const MESSAGES = 1_000
const SAMPLES = 10

const ROUTE = { from: '0:0000.0000.000A', to: '0:0000.0000.000B' }

const timeOf = (run: () => void): number => {
  const start = now()
  for (let i = 0; i < MESSAGES; i++) run()
  return (now() - start) / MESSAGES
}

const rowOf = (message: string, text: string, runs: number): SealingRow => {
  const keys = new SwarmKeys(newSecret(), 'bench')
  const numbers = new Numbers(Date.now)
  const make = () => seal(keys, ROUTE, numbers.next(), text, 0)
  const sealed = make()
  const open = () => openSealed(keys, ROUTE, sealed)
  if (open()?.text !== text) throw wrongAnswer(`sealing, ${message}`, 'another text', 'engine')
  const samples = Array.from(
    { length: SAMPLES * runs },
    () => [timeOf(make), timeOf(open)] as const,
  )
  return {
    message,
    chars: text.length,
    sealedChars: sealed.length,
    sealUs: medianOf(samples.map(([us]) => us)),
    openUs: medianOf(samples.map(([, us]) => us)),
  }
}

export interface SealingOptions {
  readonly runs: number
  readonly progress?: (step: string) => void
}

/** Throws a Failure (internal) if a message does not open. */
export const runSealing = ({ runs, progress }: SealingOptions): SealingRow[] => {
  progress?.('sealed messages')
  const base = new Base(pilotGossip, KEYS, 1)
  const { first } = base.createPair(1)
  const messages = [
    ['a digest', base.digest!],
    ['one key', first],
  ] as const
  return messages.map(([name, message]) => rowOf(name, textOf(message), runs))
}
