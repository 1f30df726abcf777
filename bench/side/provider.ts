/**
 * Two programs that type into one document, each in a process of its own: our provider over a mailbox
 * folder, without any server, beside y-websocket with its stock server.
 */
import { join } from 'node:path'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { quantilesOf } from '../runner/stats.ts'
import { pauseUntil } from '../swarm/clock.ts'
import { readUsage, usedSince } from '../swarm/processor.ts'
import { Child } from './child.ts'
import type { Figures, MeasureOptions, Participant, Section } from './section.ts'
import { childFile, ourProgram, SERVERS } from './servers.ts'

/** Keystrokes before it is measured, in which V8 compiles and the two get to know each other. */
const WARM_UP_SECONDS = 3

/** Milliseconds for the last keystrokes to arrive. */
const SETTLE_MS = 20_000

interface Report {
  readonly typed: readonly number[]
  readonly seen: readonly number[]
  readonly text: string
}

/** `commands` are those of the two clients; `others` are further processes that take part. */
const measure = async (
  commands: readonly (readonly string[])[],
  others: readonly number[],
  rate: number,
  { seconds, signal }: MeasureOptions,
): Promise<Figures> => {
  const clients: Child[] = []
  try {
    for (const command of commands) {
      const { child } = await Child.start('a client', command, /ready/, { signal })
      clients.push(child)
    }
    const ids = await Promise.all(clients.map((one) => one.answer<{ client: number }>('ready')))
    clients.forEach((one, at) => {
      one.send({ type: 'meet', other: ids[1 - at]?.client })
    })
    const type = async (length: number): Promise<void> => {
      const done = clients.map((one) => one.answer('typed'))
      clients.forEach((one, at) => {
        one.send({ type: 'type', rate, seconds: length, wait: (at * 500) / rate })
      })
      await Promise.all(done)
    }
    const report = (): Promise<Report[]> =>
      Promise.all(
        clients.map((one) => {
          const answer = one.answer<Report>('report')
          one.send({ type: 'report' })
          return answer
        }),
      )
    const pids = [...clients.map(({ pid }) => pid), ...others]
    await type(WARM_UP_SECONDS)
    const before = readUsage(pids, [])
    await type(seconds)
    const used = usedSince(before, readUsage(pids, []))
    const end = performance.now() + SETTLE_MS
    let [first, second] = await report()
    while (first!.text !== second!.text || first!.seen.length < second!.typed.length) {
      if (performance.now() > end)
        throw new Failure('internal', 'the documents of the two clients are not equal')
      await pauseUntil(performance.now() + 100, signal)
      ;[first, second] = await report()
    }
    const skipped = rate * WARM_UP_SECONDS
    const latencies = [[first!, second!] as const, [second!, first!] as const].flatMap(
      ([from, to]) => from.typed.slice(skipped).map((time, at) => to.seen[skipped + at]! - time),
    )
    const { p50, p99 } = quantilesOf(latencies)
    return {
      p50,
      p99,
      processor: used ? used.agents / seconds : undefined,
      others: used ? used.others / seconds : undefined,
    }
  } finally {
    await Promise.all(clients.map((one) => one.end()))
  }
}

const PROGRAM = childFile('typing-process.mjs')

const STOCK: Participant = {
  name: 'y-websocket',
  about: 'two y-websocket clients and the stock server, in memory; processor: all three',
  measure: (rate, options) =>
    inFolder(async (dir) => {
      const server = await SERVERS['y-websocket'].start({ dir, ...options })
      const command = [process.execPath, PROGRAM, 'y-websocket', server.url]
      try {
        return await measure([command, command], [server.child.pid], rate, options)
      } finally {
        await server.child.end()
      }
    }),
}

const PROVIDER: Participant = {
  name: 'provider, mailbox',
  about: 'two `PilotGossipProvider`s over a `MailboxTransport`; processor: both',
  measure: (rate, options) =>
    inFolder((dir) => {
      const { node, root, suffix } = ourProgram(options.isBuilt)
      const command = [...node, PROGRAM, 'provider', root, suffix, join(dir, 'mailbox')]
      return measure(
        [
          [...command, 'anna'],
          [...command, 'bert'],
        ],
        [],
        rate,
        options,
      )
    }),
}

export const PROVIDERS: Section = {
  name: 'provider',
  reference: 'y-websocket',
  unit: 'keystrokes/s of each',
  loads: [5, 20],
  participants: [STOCK, PROVIDER],
}
