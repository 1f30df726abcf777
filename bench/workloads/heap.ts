/**
 * The memory of a replica: by how much a process grows for each one that received the whole state
 * and was read once, WebAssembly's memory included. That memory never shrinks and is reused, so each
 * engine is measured in a process that has done nothing else, not even written the messages.
 *
 * ```ts
 * const rows = await runHeap({ engines: ENGINES, keys: [1_000], seed: 1 })
 * rows[0]      // { engine: 'scalar', keys: 1000, bytes: 120000 }
 * ```
 */
import { Random } from '../../test/helpers/random.ts'
import { type Engine, type EngineReplica, freeAll, type Message } from '../engines/engine.ts'
import { collect } from '../runner/garbage.ts'
import { checkAnswer } from './answer.ts'
import { Base, createEntries } from './base.ts'
import { runChild } from './child.ts'
import type { MergeOptions } from './merges.ts'
import { createTime } from './time.ts'

export interface Heap {
  readonly engine: string
  readonly keys: number
  /** Of one replica. */
  readonly bytes: number
}

export type HeapOptions = Pick<MergeOptions, 'engines' | 'keys' | 'seed' | 'progress' | 'leaveOut'>

/** Keys of all replicas together, approximately: V8 itself varies by 100 kB. */
const ALL_KEYS = 30_000

const MIN_REPLICAS = 6

const FIRST_WRITER = 3_000_000_002

const used = (): number => {
  collect('all')
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Throws a Failure (internal) if a replica that received `whole` has a wrong map. */
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
  const count = Math.max(MIN_REPLICAS, Math.ceil(ALL_KEYS / keys))
  // The first replica includes what the engine allocates once.
  fill(1)
  const before = used()
  fill(count)
  const bytes = (used() - before) / count
  freeAll(replicas)
  return { engine: engine.name, keys, bytes }
}

/** By size, then engine. Throws a Failure (internal) for a wrong answer. */
export const runHeap = async (options: HeapOptions): Promise<Heap[]> => {
  const { engines, keys: sizes, seed, progress, leaveOut } = options
  const rows: Heap[] = []
  for (const keys of sizes) {
    for (const engine of engines) {
      const { name } = engine
      if (engine.isElapsed) {
        const reason = 'other processes hold its memory'
        leaveOut?.({ keys, engine: name, workload: 'heap', reason })
        continue
      }
      progress?.(`heap, ${name}, ${keys} keys`)
      const { whole } = new Base(engine, keys, seed)
      const args = [name, `${keys}`, `${seed}`, typeof whole === 'string' ? 'text' : 'bytes']
      const failure = `heap, ${name}, ${keys} keys: its process failed`
      rows.push(await runChild<Heap>('heap-process.ts', args, failure, whole))
    }
  }
  return rows
}
