/**
 * The memory of a replica: what a process holds more for each that has got the whole state and
 * has been read once, WebAssembly's memory included. That memory only grows, and what was freed
 * in it is used again; so each engine is measured in a process that has done nothing else, not
 * even written what it receives.
 *
 * ```ts
 * const rows = await runHeap({ engines: ENGINES, keys: [1_000], seed: 1 })
 * rows[0]      // { engine: 'scalar', keys: 1000, bytes: 120000 }
 * ```
 */
import { Random } from '../../test/helpers/random.ts'
import { type Engine, type EngineReplica, freeAll, type Message } from '../engines/engine.ts'
import { collect } from '../runner/garbage.ts'
import { Base } from './base.ts'
import { checkAnswer } from './check.ts'
import { runChild } from './child.ts'
import { createEntries } from './entries.ts'
import type { LeftOut } from './merges.ts'
import { createTime } from './time.ts'

export interface Heap {
  readonly engine: string
  readonly keys: number
  /** Of one replica. */
  readonly bytes: number
}

export interface HeapOptions {
  readonly engines: readonly Engine[]
  readonly keys: readonly number[]
  readonly seed: number
  readonly progress?: (row: string) => void
  readonly leaveOut?: (left: LeftOut) => void
}

/** Keys of all replicas whose memory is divided among them, about: what V8 does meanwhile is 100 KB. */
const ALL_KEYS = 30_000

const LEAST_REPLICAS = 6

const FIRST_WRITER = 3_000_000_002

const used = (): number => {
  collect('all')
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Of replicas that receive `whole`. Throws a Failure (internal) where one has not the map that was written. */
export const measureHeap = (engine: Engine, keys: number, seed: number, whole: Message): Heap => {
  const expected = new Map(createEntries(keys, new Random(seed)))
  const time = createTime()
  const replicas: EngineReplica[] = []
  const fill = (count: number) => {
    for (let i = 0; i < count; i++) {
      const replica = engine.create(FIRST_WRITER + replicas.length, time)
      replica.receive(whole)
      checkAnswer(replica.read(), expected, `${engine.name}, heap, ${keys} keys`)
      replicas.push(replica)
    }
  }
  const count = Math.max(LEAST_REPLICAS, Math.ceil(ALL_KEYS / keys))
  // The first brings what the engine needs once.
  fill(1)
  const before = used()
  fill(count)
  const bytes = (used() - before) / count
  freeAll(replicas)
  return { engine: engine.name, keys, bytes }
}

/** In a process of its own, which knows the engines of `engines/index.ts` by their names. */
const measureApart = (engine: Engine, keys: number, seed: number): Promise<Heap> => {
  const { whole } = new Base(engine, keys, seed)
  const kind = typeof whole === 'string' ? 'text' : 'bytes'
  const args = [engine.name, `${keys}`, `${seed}`, kind]
  const failure = `heap, ${engine.name}, ${keys} keys: its process has failed`
  return runChild('heap-child.ts', args, failure, whole)
}

/** By size, then engine. Throws a Failure (internal) where an answer is wrong. */
export const runHeap = async (options: HeapOptions): Promise<Heap[]> => {
  const { engines, keys: sizes, seed, progress, leaveOut } = options
  const rows: Heap[] = []
  for (const keys of sizes) {
    for (const engine of engines) {
      const { name } = engine
      if (engine.isElapsed) {
        const reason = 'its memory is that of other processes'
        leaveOut?.({ keys, engine: name, workload: 'heap', reason })
      } else {
        progress?.(`heap, ${name}, ${keys} keys`)
        rows.push(await measureApart(engine, keys, seed))
      }
    }
  }
  return rows
}
