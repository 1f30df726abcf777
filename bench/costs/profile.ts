/**
 * Where the time of a small message goes, from its text to the map: the samples of V8's profiler,
 * by the part of the code that ran, or that called what ran.
 *
 * ```ts
 * const rows = await runProfiles({ runs: 3 })
 * rows[0]      // { engine: 'pilot-gossip', us: 41, yjsUs: 14, parts: [{ part: 'Yjs', share: 0.3 }, …] }
 * ```
 */
import { type Profiler, Session } from 'node:inspector'
import type { Engine } from '../engines/engine.ts'
import { pilotGossip, pilotGossipHot } from '../engines/pilot-gossip.ts'
import { yjsV1 } from '../engines/yjs.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf } from '../runner/stats.ts'
import { checkAnswer } from '../workloads/answer.ts'
import { Base } from '../workloads/base.ts'

interface Part {
  readonly name: string
  /** Files whose functions belong to it. */
  readonly files: RegExp
}

/** The first that matches. Native and library functions belong to the part that called them. */
const PARTS: readonly Part[] = [
  { name: 'Yjs', files: /\/yjs\/dist\// },
  { name: 'JSON and the fields of the message', files: /\/crdt\/(codec|fields|message|push)/ },
  { name: 'base64, inflate, hash', files: /\/(crdt\/(packed|digest)|src\/platform)/ },
  {
    name: 'decoding and checking the update',
    files: /\/crdt\/(decoded|inspect|own-writer|values|needs|limits|text)/,
  },
  { name: 'index of hot entries', files: /\/src\/maps\// },
  { name: 'digest tree', files: /\/crdt\/(history|writer-t|canon|delete-index|published)/ },
  { name: 'gate, transaction, what was new', files: /\/crdt\// },
]

const GARBAGE = 'garbage collector'

type Node = Profiler.ProfileNode

/** The part of each node of a profile; what belongs to none, as the profiler itself, is left out. */
const partsOf = (nodes: readonly Node[]): Map<number, string> => {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parts = new Map<number, string>()
  const visit = (node: Node, above: string | undefined): void => {
    const { url, functionName } = node.callFrame
    const own = functionName === `(${GARBAGE})` ? GARBAGE : undefined
    const part = own ?? PARTS.find(({ files }) => files.test(url))?.name ?? above
    if (part !== undefined) parts.set(node.id, part)
    for (const child of node.children ?? []) visit(byId.get(child)!, part)
  }
  visit(nodes[0]!, undefined)
  return parts
}

export interface ProfiledPart {
  readonly part: string
  /** From 0 to 1. */
  readonly share: number
}

const sharesOf = ({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): ProfiledPart[] => {
  const parts = partsOf(nodes)
  const times = new Map<string, number>()
  let all = 0
  for (const [at, id] of samples.entries()) {
    const part = parts.get(id)
    if (part === undefined) continue
    const us = timeDeltas[at] ?? 0
    all += us
    times.set(part, (times.get(part) ?? 0) + us)
  }
  const shares = [...times].map(([part, us]) => ({ part, share: us / all }))
  return shares.sort((a, b) => b.share - a.share)
}

/** Microseconds between two samples. */
const INTERVAL_US = 100

const post = (session: Session, method: string, options: object = {}): Promise<unknown> =>
  new Promise((resolve, reject) =>
    session.post(method, options, (error: Error | null, result?: object) =>
      error ? reject(error) : resolve(result),
    ),
  )

const profile = async (run: () => void): Promise<ProfiledPart[]> => {
  const session = new Session()
  session.connect()
  try {
    await post(session, 'Profiler.enable')
    await post(session, 'Profiler.setSamplingInterval', { interval: INTERVAL_US })
    await post(session, 'Profiler.start')
    run()
    const result = (await post(session, 'Profiler.stop')) as Profiler.StopReturnType
    return sharesOf(result.profile)
  } finally {
    session.disconnect()
  }
}

const KEYS = 10_000

/** Messages of a sample, of a profile, and samples before the first one that counts. */
const MESSAGES = 200
const PROFILED = 10_000
const WARM_UP = 20

interface Entrant {
  readonly name: string
  /** Microseconds of one message; `count` are merged. */
  readonly sample: (count: number) => number
  readonly profile: (count: number) => Promise<ProfiledPart[]>
}

const entrantOf = (engine: Engine, keys: number): Entrant => {
  const { receiver, change, expected } = new Base(engine, keys, 1).createPair(1)
  const check = (): void => checkAnswer(receiver.read(), expected, `profile, ${engine.name}`)
  const merge = (count: number): (() => void) => {
    const messages = Array.from({ length: count }, change)
    collect('minor')
    return () => {
      for (const message of messages) receiver.receive(message)
    }
  }
  return {
    name: engine.name,
    sample: (count) => {
      const run = merge(count)
      const start = now()
      run()
      const us = (now() - start) / count
      check()
      return us
    },
    profile: async (count) => {
      const shares = await profile(merge(count))
      check()
      return shares
    },
  }
}

export interface ProfileRow {
  readonly engine: string
  /** Microseconds of processor time of one message, and of the same change in Yjs alone. */
  readonly us: number
  readonly yjsUs: number
  readonly parts: readonly ProfiledPart[]
}

export interface ProfileOptions {
  readonly runs: number
  readonly divisor?: number
  readonly progress?: (step: string) => void
}

/** A row for each layout of our own entries. Throws a Failure (internal) for a wrong answer. */
export const runProfiles = async (options: ProfileOptions): Promise<ProfileRow[]> => {
  const { runs, divisor = 1, progress } = options
  const keys = Math.max(100, Math.round(KEYS / divisor))
  progress?.(`from message to map, ${keys} keys`)
  const [yjs, ...ours] = [yjsV1, pilotGossip, pilotGossipHot].map((one) => entrantOf(one, keys))
  const all = [yjs!, ...ours]
  const times = new Map(all.map((one) => [one, [] as number[]]))
  for (const one of all) for (let i = 0; i < WARM_UP; i++) one.sample(MESSAGES)
  // Short samples in turn: a busy moment of the machine is the same for all.
  for (let run = 0; run < 10 * runs; run++)
    for (const one of all) times.get(one)!.push(one.sample(MESSAGES))
  const medianTime = (one: Entrant): number => medianOf(times.get(one)!)
  const rows: ProfileRow[] = []
  for (const one of ours) {
    const parts = await one.profile(Math.max(MESSAGES, Math.round(PROFILED / divisor)))
    rows.push({ engine: one.name, us: medianTime(one), yjsUs: medianTime(yjs!), parts })
  }
  return rows
}
