/**
 * The numbers to beat, and whether they hold. A target is what we want; a limit is what a short
 * run must keep, or it fails: counts that are the same on every machine, no times. Where a target
 * does not hold yet, its limit says how far it is known to be missed.
 *
 * ```ts
 * judge(settings, figures).filter(({ isInside }) => !isInside)
 * ```
 */
import { DEFAULTS } from '../../src/gossip/index.ts'
import type { Figures, Finite, WriteRow } from './rows.ts'
import type { Settings } from './settings.ts'

export interface Verdict {
  readonly name: string
  /** Of which loss, and which length of the value. */
  readonly of: string
  readonly unit: string
  readonly value: Finite
  /** At most. */
  readonly target: number
  readonly isInside: boolean
  /** What a short run must keep; null where it need not. */
  readonly limit: number | null
  readonly isWithinLimit: boolean
}

/** A number to beat that these settings do not ask for, and what asks for it. */
export interface Unasked {
  readonly name: string
  readonly needs: string
}

/** Nodes and milliseconds for which times are given. */
const TIMED_NODES = 1_000
const TIMED_LATENCY = [10, 50]

/** Milliseconds until 99 % have it, by the share of messages lost. */
const TARGET_MS: ReadonlyMap<number, number> = new Map([
  [0, 700],
  [0.1, 900],
])

/** Of one node. A third of the losses' repeats is the core's own: see the limit. */
const MESSAGES = 7

/** Messages that a long write takes as things are: three announcements, three of the echo, ask and answer. */
const LONG_MESSAGES = 8.5

/** Copies of a long update, without loss, and with it (by the share that arrives). */
const LONG_TIMES = 1.05
const LONG_TIMES_LOSS = 1.15

/** Times the bytes of a short update. */
const SHORT_TIMES = 4
const SHORT_TIMES_LIMIT = 4.3

/** Bytes a second. */
const IDLE_BYTES = 200

/** Digits that the `version` of a message has more at 100,000 keys: all else of a digest is the same. */
const KEYS_DIGITS = 6

/** Share of the nodes. */
const LEFT_OUT = 0.001

/** As things are: 0.2 % without loss and 0.5 % with a tenth lost, and a small swarm varies. */
const LEFT_OUT_LIMIT = 0.01

/** Above the formula. */
const ROUNDS_MEAN = 1
const ROUNDS_MOST = 3

/** Rounds of everybody: nobody may be left out any more. */
const REPAIR_ROUNDS = 2

/** Hops beyond the formula, as things are: it has everybody push in each round, here each pushes once. */
const HOPS = 3

const WRITERS_TIMES = 2

const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`

const verdict = (
  name: string,
  of: string,
  unit: string,
  value: Finite,
  target: number,
  limit: number | null = target,
): Verdict => ({
  name,
  of,
  unit,
  value,
  target,
  isInside: value !== null && value <= target,
  limit,
  isWithinLimit: limit === null || (value !== null && value <= limit),
})

const isTimed = ({ nodes, latency }: Settings): boolean =>
  nodes === TIMED_NODES && latency.every((ms, i) => ms === TIMED_LATENCY[i])

const judgeWrite = (row: WriteRow, settings: Settings): Verdict[] => {
  const { loss, size, theory } = row
  const arriving = 1 - loss
  const of = `loss ${percent(loss)}, ${size} characters`
  const isLong = row.update > DEFAULTS.inlineBytes
  const targetMs = isTimed(settings) ? TARGET_MS.get(loss) : undefined
  const hops = theory.pushRounds + HOPS
  const longTimes = loss === 0 ? LONG_TIMES : LONG_TIMES_LOSS / arriving
  return [
    verdict('rounds, mean', of, '', row.roundsMean, theory.pushRounds + ROUNDS_MEAN, REPAIR_ROUNDS),
    verdict('rounds, p99', of, '', row.roundsMost, theory.pushRounds + ROUNDS_MOST, REPAIR_ROUNDS),
    verdict(
      'hops, mean',
      of,
      '',
      row.hopsMean,
      theory.pushRounds + ROUNDS_MEAN,
      hops + ROUNDS_MEAN,
    ),
    verdict('hops, p99', of, '', row.hopsMost, theory.pushRounds + ROUNDS_MOST, hops + ROUNDS_MOST),
    ...(targetMs === undefined
      ? []
      : [verdict('99 % have it', of, 'ms', row.ms[2]!, targetMs, null)]),
    verdict(
      'messages a node',
      of,
      '',
      row.messages,
      MESSAGES,
      (isLong ? LONG_MESSAGES : MESSAGES) / arriving,
    ),
    isLong
      ? verdict('copies a node', of, 'x', row.times, longTimes)
      : verdict('bytes a node', of, 'x', row.times, SHORT_TIMES, SHORT_TIMES_LIMIT / arriving),
    verdict(
      'left out by pushes and echo',
      of,
      '%',
      row.leftOut * 100,
      LEFT_OUT * 100,
      (LEFT_OUT_LIMIT * 100) / arriving ** 3,
    ),
    verdict('left out after two rounds', of, 'nodes', row.leftOutAfterTwo, 0),
  ]
}

export const judge = (
  settings: Settings,
  { writes, rates, faults, writers }: Figures,
): readonly Verdict[] => {
  const [one, many] = writers
  return [
    ...writes.flatMap((row) => judgeWrite(row, settings)),
    ...rates.map(({ loss, idleBytes, idleMessages }) =>
      verdict(
        'idle, with 100,000 keys',
        `loss ${percent(loss)}`,
        'B/s',
        idleBytes + idleMessages * KEYS_DIGITS,
        IDLE_BYTES,
      ),
    ),
    ...faults.map(({ fault, loss, msMost }) =>
      verdict(
        `not converged after ${fault}`,
        `loss ${percent(loss)}`,
        '',
        msMost === null ? 1 : 0,
        0,
      ),
    ),
    ...(one && many
      ? [
          verdict(
            'bytes of a write',
            `${many.writers} past writers`,
            'x',
            many.bytes / one.bytes,
            WRITERS_TIMES,
          ),
        ]
      : []),
  ]
}

/** The numbers to beat that were not looked at. */
export const unaskedOf = (settings: Settings): Unasked[] => {
  const { sections, losses, sizes } = settings
  const unasked: Unasked[] = []
  const isLong = (size: number): boolean => size >= DEFAULTS.inlineBytes
  const add = (name: string, isAsked: boolean, needs: string): void => {
    if (!isAsked) unasked.push({ name, needs })
  }
  const hasWrite = sections.includes('write')
  add('99 % have it, in ms', hasWrite && isTimed(settings), '--nodes 1000 --latency 10-50ms')
  for (const loss of TARGET_MS.keys()) {
    add(`a write at loss ${percent(loss)}`, hasWrite && losses.includes(loss), `--loss ${loss}`)
  }
  add('copies of long updates', hasWrite && sizes.some(isLong), '--bytes 6000')
  add('bytes of short updates', hasWrite && !sizes.every(isLong), '--bytes 20')
  add('idle', sections.includes('traffic'), '--only traffic')
  add('convergence after a partition', sections.includes('partition'), '--only partition')
  add('convergence after restarts', sections.includes('churn'), '--only churn')
  add('1,000 past writers', sections.includes('writers'), '--only writers')
  return unasked
}
