/**
 * B3.1 to B3.3 of Kevin Jahns's crdt-benchmarks (github.com/dmonad/crdt-benchmarks): 20√N clients
 * set one key of a map, none knowing of the others; one of them then merges what all tell. With
 * his N and his values, the figures can be laid beside those that he publishes.
 *
 * ```ts
 * const rows = runB3({ engines: [yjsV1], reference: yjsV1, n: 6_000, runs: 3 })
 * rows[0]      // { id: 'B3.1', engine: 'yjs-v1', clients: 1540, updateBytes: 50000, … }
 * ```
 */
import { isDeepStrictEqual } from 'node:util'
import { Failure } from '../../src/errors.ts'
import { bytesOf, type Engine, type Message, type Value } from '../engines/engine.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, type Spread, spreadOf } from '../runner/stats.ts'
import { type AbstractCrdt, type CrdtFactory, createFactory } from './crdt-factory.ts'
import type { LeftOut } from './merges.ts'

export interface B3Options {
  readonly engines: readonly Engine[]
  /** What ratios refer to; there are none where it is not among the engines. */
  readonly reference: Engine
  /** His N; he takes 6,000. */
  readonly n: number
  /** Samples of each; fewer for an engine that has spent its budget. */
  readonly runs: number
  /** Seconds after which an engine gets no more runs of a workload. Default `BUDGET`. */
  readonly budget?: number
  /** Called before each workload. */
  readonly progress?: (row: string) => void
  readonly leaveOut?: (left: LeftOut) => void
}

export interface B3Row {
  /** `B3.1` to `B3.3`. */
  readonly id: string
  readonly about: string
  readonly engine: string
  readonly n: number
  readonly clients: number
  /** Of all updates together. */
  readonly updateBytes: number
  readonly docBytes: number
  readonly samples: number
  /** Microseconds in which one client merges them all. */
  readonly us: Spread
  /** Medians, in microseconds: the document encoded, and made of that again. */
  readonly encodeUs: number
  readonly parseUs: number
  /** Times the reference; null where that does not take part. */
  readonly ratio: number | null
}

/** Seconds. At his N one run of Automerge's 1,540 clients with long strings takes a minute, all others some seconds. */
export const BUDGET = 30

interface Task {
  readonly id: string
  readonly about: string
  /** What the client of that index sets. */
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

/** His count of clients. */
export const clientsOf = (n: number): number => Math.floor(Math.sqrt(n)) * 20

/** N of a run that only warms up: 60 clients. */
const WARM_UP_N = 9

const ignore = (): void => undefined

const applyAll = (crdt: AbstractCrdt, updates: readonly Message[]): void =>
  crdt.transact(() => {
    for (const update of updates) crdt.applyUpdate(update)
  })

const timed = (run: () => void): number => {
  collect('minor')
  const start = now()
  run()
  return Math.max(now() - start, 1)
}

/** Throws a Failure (internal) where the maps differ, or hold what nobody set. */
const check = (maps: readonly ReadonlyMap<string, Value>[], values: Value[], where: string) => {
  const wrong = maps.find(
    (map) =>
      map.size !== 1 ||
      !values.some((value) => isDeepStrictEqual(value, map.get(KEY))) ||
      !isDeepStrictEqual(map.get(KEY), maps[0]!.get(KEY)),
  )
  if (!wrong) return
  const found = JSON.stringify(Object.fromEntries(wrong)).slice(0, 200)
  throw new Failure('internal', `wrong answer: ${where}: ${found}`, {
    hint: 'all clients must have the one value that won: mend the engine first',
  })
}

interface Sample {
  readonly updateBytes: number
  readonly docBytes: number
  readonly us: number
  readonly encodeUs: number
  readonly parseUs: number
}

const sample = (factory: CrdtFactory, task: Task, n: number): Sample => {
  const clients = clientsOf(n)
  const updates: Message[] = []
  const values = Array.from({ length: clients }, (_, client) => task.valueOf(client, clients))
  const crdts = values.map((value) => {
    const crdt = factory.create((update) => updates.push(update))
    crdt.setMap(KEY, value)
    return crdt
  })
  const [first, second] = crdts as [AbstractCrdt, AbstractCrdt]
  applyAll(first, [...updates].reverse())
  const us = timed(() => applyAll(second, updates))
  let state: Message = ''
  const encodeUs = timed(() => {
    state = second.getEncodedState()
  })
  let loaded: AbstractCrdt = second
  const parseUs = timed(() => {
    loaded = factory.load(ignore, state)
  })
  const maps = [first, second, loaded].map((crdt) => crdt.getMap())
  check(maps, values, `${factory.getName()}, ${task.id}, N = ${n}`)
  for (const crdt of [...crdts, loaded]) crdt.free()
  const updateBytes = updates.reduce((sum, update) => sum + bytesOf(update), 0)
  return { updateBytes, docBytes: bytesOf(state), us, encodeUs, parseUs }
}

/** Those whose clients must agree in the end; why the others are not among them is told. */
const entrantsOf = ({ engines, leaveOut }: B3Options): Engine[] =>
  engines.filter(({ name, converges }) => {
    const reason = 'its clients need not agree in the end'
    if (!converges) leaveOut?.({ engine: name, workload: 'B3', reason })
    return converges
  })

/** What there is of one engine. */
interface Sampled {
  readonly engine: Engine
  readonly samples: Sample[]
  spentUs: number
}

const runTask = (options: B3Options, task: Task, entrants: readonly Engine[]): B3Row[] => {
  const { reference, n, runs, budget = BUDGET } = options
  const sampled = entrants.map((engine): Sampled => ({ engine, samples: [], spentUs: 0 }))
  for (let run = 0; run < runs; run++) {
    for (const one of sampled) {
      if (run > 0 && one.spentUs > budget * 1e6) continue
      collect('major')
      const start = now()
      one.samples.push(sample(createFactory(one.engine), task, n))
      one.spentUs += now() - start
    }
  }
  const compared = sampled.find(({ engine }) => engine === reference)?.samples
  /** Of the runs that both have had. */
  const ratioOf = (own: readonly Sample[], others: readonly Sample[]): number =>
    medianOf(others.slice(0, own.length).map(({ us }, run) => own[run]!.us / us))
  return sampled.map(({ engine, samples: own }): B3Row => {
    const { updateBytes, docBytes } = own[0]!
    return {
      id: task.id,
      about: task.about,
      engine: engine.name,
      n,
      clients: clientsOf(n),
      updateBytes,
      docBytes,
      samples: own.length,
      us: spreadOf(own.map(({ us }) => us)),
      encodeUs: medianOf(own.map(({ encodeUs }) => encodeUs)),
      parseUs: medianOf(own.map(({ parseUs }) => parseUs)),
      ratio: compared ? ratioOf(own, compared) : null,
    }
  })
}

/** By workload, then engine. Throws a Failure (internal) where an answer is wrong. */
export const runB3 = (options: B3Options): B3Row[] => {
  const entrants = entrantsOf(options)
  for (const engine of entrants) sample(createFactory(engine), TASKS[0]!, WARM_UP_N)
  return TASKS.flatMap((task) => {
    options.progress?.(`${task.id}, N = ${options.n}`)
    return runTask(options, task, entrants)
  })
}
