/**
 * B3.1 to B3.3 of Kevin Jahns's crdt-benchmarks (github.com/dmonad/crdt-benchmarks): 20√N clients
 * set one key of a map concurrently; one of them then merges all updates. With his N and his values,
 * the figures compare with those that he publishes.
 *
 * ```ts
 * const rows = runB3({ engines: [yjsV1], reference: yjsV1, n: 6_000, runs: 3 })
 * rows[0]      // { id: 'B3.1', engine: 'yjs-v1', clients: 1540, updateBytes: 50000, … }
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import {
  bytesOf,
  type Engine,
  type EngineReplica,
  type Entries,
  freeAll,
  type Message,
  type Value,
} from '../engines/engine.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, spreadOf } from '../runner/stats.ts'
import { wrongAnswer } from './answer.ts'
import type { LeftOut, MergeOptions } from './merges.ts'
import { createTime } from './time.ts'

export interface B3Options
  extends Pick<MergeOptions, 'engines' | 'reference' | 'progress' | 'leaveOut'> {
  /** His N; he uses 6,000. */
  readonly n: number
  /** Samples of each workload; fewer for an engine that has spent its budget. */
  readonly runs: number
  /** Seconds after which an engine gets no more runs of a workload. */
  readonly budget?: number
}

/** Seconds. A run of Automerge's 1,540 clients with long strings takes a minute, any other run seconds. */
const BUDGET = 30

interface Task {
  readonly id: string
  readonly about: string
  valueOf(client: number, clients: number): Value
}

const KEY = 'v'

export const TASKS: readonly Task[] = [
  { id: 'B3.1', about: 'clients set a number', valueOf: (client) => client },
  {
    id: 'B3.2',
    about: 'clients set an object',
    valueOf: (client) => ({ name: `${client}`, address: 'here' }),
  },
  {
    id: 'B3.3',
    about: 'clients set a string',
    valueOf: (client, clients) => `${client}`.repeat(clients),
  },
]

export const clientsOf = (n: number): number => Math.floor(Math.sqrt(n)) * 20

/** N of a run that only warms up: 60 clients. */
const WARM_UP_N = 9

/** As large as Yjs's random ids. */
const FIRST_WRITER = 3_000_000_001

const receiveAll = (replica: EngineReplica, updates: readonly Message[]): void => {
  const run = () => {
    for (const update of updates) replica.receive(update)
  }
  if (replica.transact) replica.transact(run)
  else run()
}

const timed = <T>(run: () => T): readonly [us: number, result: T] => {
  collect('minor')
  const start = now()
  const result = run()
  return [Math.max(now() - start, 1), result]
}

/** Throws a Failure (internal) if maps differ or hold a value that no client set. */
const check = (maps: readonly Entries[], values: readonly Value[], where: string): void => {
  const wrong = maps.find(
    (map) =>
      map.size !== 1 ||
      !values.some((value) => isDeepStrictEqual(value, map.get(KEY))) ||
      !isDeepStrictEqual(map.get(KEY), maps[0]!.get(KEY)),
  )
  if (!wrong) return
  const found = JSON.stringify(Object.fromEntries(wrong)).slice(0, 200)
  throw wrongAnswer(where, found, 'engine')
}

const sample = (engine: Engine, task: Task, n: number) => {
  const time = createTime()
  const clients = clientsOf(n)
  const updates: Message[] = []
  const values = Array.from({ length: clients }, (_, client) => task.valueOf(client, clients))
  const replicas = values.map((value, client) => {
    const replica = engine.create(FIRST_WRITER + client, time)
    replica.set([[KEY, value]])
    updates.push(replica.takeChanges())
    return replica
  })
  const [first, second] = replicas as [EngineReplica, EngineReplica]
  receiveAll(first, [...updates].reverse())
  const [us] = timed(() => receiveAll(second, updates))
  const [encodeUs, state] = timed(() => second.encodeState())
  const [parseUs, loaded] = timed(() => {
    const replica = engine.create(FIRST_WRITER + clients, time)
    replica.receive(state)
    return replica
  })
  const maps = [first, second, loaded].map((replica) => replica.read())
  check(maps, values, `${engine.name}, ${task.id}, N = ${n}`)
  freeAll([...replicas, loaded])
  const updateBytes = updates.reduce((sum, update) => sum + bytesOf(update), 0)
  return { updateBytes, docBytes: bytesOf(state), us, encodeUs, parseUs }
}

type Sample = ReturnType<typeof sample>

const runTask = (options: B3Options, task: Task, engines: readonly Engine[]) => {
  const { reference, n, runs, budget = BUDGET } = options
  const sampled = engines.map((engine) => ({ engine, samples: [] as Sample[], spentUs: 0 }))
  for (let run = 0; run < runs; run++) {
    for (const one of sampled) {
      if (run > 0 && one.spentUs > budget * 1e6) continue
      collect('major')
      const start = now()
      one.samples.push(sample(one.engine, task, n))
      one.spentUs += now() - start
    }
  }
  const compared = sampled.find(({ engine }) => engine === reference)?.samples
  return sampled.map(({ engine, samples: own }) => {
    const { updateBytes, docBytes } = own[0]!
    // Ratios of the runs that both have.
    const ratios = compared?.slice(0, own.length).map(({ us }, run) => own[run]!.us / us)
    return {
      id: task.id,
      about: task.about,
      engine: engine.name,
      n,
      clients: clientsOf(n),
      // Bytes of all updates together.
      updateBytes,
      docBytes,
      samples: own.length,
      // Microseconds in which one client merges all updates, encodes the document, and loads that.
      us: spreadOf(own.map(({ us }) => us)),
      encodeUs: medianOf(own.map(({ encodeUs }) => encodeUs)),
      parseUs: medianOf(own.map(({ parseUs }) => parseUs)),
      // Times the reference; null if that does not take part.
      ratio: ratios ? medianOf(ratios) : null,
    }
  })
}

export type B3Row = ReturnType<typeof runTask>[number]

/** By workload, then engine. Throws a Failure (internal) for a wrong answer. */
export const runB3 = (options: B3Options): B3Row[] => {
  const reason = 'its clients need not agree at the end'
  const entrants = options.engines.filter(({ name, converges }) => {
    if (!converges) options.leaveOut?.({ engine: name, workload: 'B3', reason } satisfies LeftOut)
    return converges
  })
  for (const engine of entrants) sample(engine, TASKS[0]!, WARM_UP_N)
  return TASKS.flatMap((task) => {
    options.progress?.(`${task.id}, N = ${options.n}`)
    return runTask(options, task, entrants)
  })
}
