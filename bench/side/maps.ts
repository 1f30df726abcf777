/**
 * A map that two processes of one host share: two of our agents over a mailbox, without a server,
 * beside Redis and a key-value bucket of NATS JetStream. How late a write is at the other process, how
 * many writes a second there can be, and which acknowledged writes are lost when a process is killed.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { quantilesOf } from '../runner/stats.ts'
import { pauseUntil } from '../swarm/clock.ts'
import { Child } from './child.ts'
import type { Figures, MeasureOptions, Participant, Section } from './section.ts'
import { childFile, freePort, ourProgram } from './servers.ts'

/** Writes as fast as it can. */
const BULK = 5_000

/** Milliseconds after which a process that writes as fast as it can is killed. */
const KILL_MS = 700

/** More than it can write until then. */
const ENDLESS = 1_000_000

/** Milliseconds for the last writes to arrive. */
const SETTLE_MS = 60_000

/** Acknowledged writes that must have been made before the kill, so that there is something to lose. */
const MIN_ACKNOWLEDGED = 200

interface Site {
  /** Starts the server; absent if there is none. */
  readonly serve?: () => Promise<Child>
  /** Arguments of a client: 0 writes, 1 reads. */
  readonly client: (at: number) => readonly string[]
}

type Times = Readonly<Record<string, number>>

const lookUntil = async <T>(
  what: string,
  look: () => Promise<T>,
  isDone: (value: T) => boolean,
  signal: AbortSignal,
): Promise<T> => {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const value = await look()
    if (isDone(value)) return value
    if (performance.now() > end) throw new Failure('internal', `${what} did not come in time`)
    await pauseUntil(performance.now() + 50, signal)
  }
}

const ask = <T>(child: Child, type: string, answer: string, fields: object = {}): Promise<T> => {
  const answered = child.answer<T>(answer)
  child.send({ type, ...fields })
  return answered
}

const keysOf = async (child: Child): Promise<Set<string>> =>
  new Set((await ask<{ keys: string[] }>(child, 'keys', 'keys')).keys)

/** The last number of writes that the child has reported as acknowledged. */
const acknowledgedBy = (child: Child): (() => number) => {
  let last = 0
  child.process.on('message', ({ type, count }: { type: string; count: number }) => {
    if (type === 'acknowledged') last = count
  })
  return () => last
}

const run = async (
  { serve, client }: Site,
  rate: number,
  { seconds, signal }: MeasureOptions,
): Promise<Figures> => {
  const children = new Set<Child>()
  const keep = (child: Child): Child => {
    children.add(child)
    return child
  }
  const startClient = async (at: number): Promise<Child> =>
    keep((await Child.start('a client', client(at), /ready/, { signal })).child)
  /** Writes without end, kills `victim`, and counts the acknowledged keys that `look` does not show. */
  const lostBy = async (
    writer: Child,
    prefix: string,
    victim: Child,
    look: () => Promise<Set<string>>,
  ): Promise<number> => {
    const acknowledged = acknowledgedBy(writer)
    writer.send({ type: 'flood', prefix, count: ENDLESS })
    await pauseUntil(performance.now() + KILL_MS, signal)
    await lookUntil(
      'an answer',
      async () => acknowledged(),
      (count) => count >= MIN_ACKNOWLEDGED,
      signal,
    )
    await victim.end('SIGKILL')
    await pauseUntil(performance.now() + 100, signal) // for its last reports
    const count = acknowledged()
    const keys = await look()
    return Array.from({ length: count }, (_, at) => `${prefix}${at}`).filter(
      (key) => !keys.has(key),
    ).length
  }
  try {
    let server = serve && keep(await serve())
    let writer = await startClient(0)
    const reader = await startClient(1)
    const seenOf = async (): Promise<Times> =>
      (await ask<{ seen: Times }>(reader, 'seen', 'seen')).seen
    // The first write also waits until the two know each other.
    await ask(writer, 'pace', 'paced', { prefix: 'w', rate: 20, seconds: 1 })
    await lookUntil('the first write', seenOf, (seen) => seen.w19 !== undefined, signal)
    const { issued } = await ask<{ issued: Times }>(writer, 'pace', 'paced', {
      prefix: 'p',
      rate,
      seconds,
    })
    const keys = Object.keys(issued)
    const seen = await lookUntil(
      'a write',
      seenOf,
      (one) => keys.every((key) => key in one),
      signal,
    )
    const { p50, p99 } = quantilesOf(keys.map((key) => seen[key]! - issued[key]!))
    const { start } = await ask<{ start: number }>(writer, 'flood', 'flooded', {
      prefix: 'b',
      count: BULK,
    })
    const all = Array.from({ length: BULK }, (_, at) => `b${at}`)
    const bulk = await lookUntil(
      'a write of many',
      seenOf,
      (one) => all.every((key) => key in one),
      signal,
    )
    const last = Math.max(...all.map((key) => bulk[key]!))
    const lostWriter = await lostBy(writer, 'k', writer, async () => {
      writer = await startClient(0)
      return keysOf(writer)
    })
    let lostServer: number | undefined
    if (server && serve) {
      lostServer = await lostBy(writer, 's', server, async () => {
        server = keep(await serve())
        return keysOf(await startClient(0))
      })
    }
    return { p50, p99, bulk: (BULK / (last - start)) * 1_000, lostWriter, lostServer }
  } finally {
    await Promise.all([...children].map((child) => child.end('SIGKILL')))
  }
}

const PROGRAM = childFile('map-process.mjs')

/** A server of Debian, which the bench does not install. */
const served = (
  name: string,
  about: string,
  program: string,
  kind: 'redis' | 'nats',
  command: (port: number, dir: string) => readonly string[],
): Participant => ({
  name,
  about,
  program,
  missing: () =>
    spawnSync(program, ['--version']).error === undefined
      ? undefined
      : `no ${program}; it is installed by: apt-get install -y --no-install-recommends ${program}`,
  measure: (rate, options) =>
    inFolder(async (dir) => {
      const port = await freePort()
      return run(
        {
          serve: async () => {
            const words = [program, ...command(port, dir)]
            const ready = /Ready to accept connections|Server is ready/
            return (await Child.start(name, words, ready, { cwd: dir, signal: options.signal }))
              .child
          },
          client: () => [process.execPath, PROGRAM, kind, JSON.stringify({ port })],
        },
        rate,
        options,
      )
    }),
})

const redisArgs = (port: number, dir: string): string[] => [
  ...['--port', `${port}`, '--bind', '127.0.0.1', '--dir', dir],
  ...['--save', '3600 1 300 100 60 10000'],
]

const OURS: Participant = {
  name: 'pilot-gossip',
  about:
    '`openMap` in each process, over a mailbox; acknowledged by `flushed()`: on disk, after fsync',
  measure: (rate, options) =>
    inFolder((dir) => {
      const { node, root, suffix } = ourProgram(options.isBuilt)
      mkdirSync(join(dir, 'mailbox'))
      const client = (at: number): string[] => {
        const name = `a${at}`
        const own = { root, suffix, mailbox: join(dir, 'mailbox'), name, data: join(dir, name) }
        return [...node, PROGRAM, 'agent', JSON.stringify(own)]
      }
      return run({ client }, rate, options)
    }),
}

export const MAPS: Section = {
  name: 'maps',
  reference: 'redis',
  unit: 'writes/s',
  loads: [20],
  participants: [
    served(
      'redis',
      'SET and PUBLISH; snapshots as by default, no log',
      'redis-server',
      'redis',
      redisArgs,
    ),
    served(
      'redis, log',
      'the same with its log, flushed each second (appendonly)',
      'redis-server',
      'redis',
      (port, dir) => [...redisArgs(port, dir), '--appendonly', 'yes'],
    ),
    served(
      'redis, log, fsync',
      'the same, flushed before each answer (appendfsync always)',
      'redis-server',
      'redis',
      (port, dir) => [...redisArgs(port, dir), '--appendonly', 'yes', '--appendfsync', 'always'],
    ),
    served(
      'nats',
      'a JetStream key-value bucket in files, flushed each two minutes, as by default',
      'nats-server',
      'nats',
      (port, dir) => ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', dir],
    ),
    OURS,
  ],
}
