/**
 * What remains of keys that are overwritten all day: bytes and structs of the document, compared
 * with its live content, after each key was overwritten once, ten times and so on. Keys are random;
 * several writers write concurrently and exchange now and then.
 *
 * ```ts
 * const rows = await runOverwrites({ layouts: [hot], writers: [5], keys: 100, times: [1, 10], seed: 1 })
 * rows.at(-1)      // { times: 10, bytes: 9876, structs: 110, liveBytes: 7700, … }
 * ```
 */
import * as Y from 'yjs'
import { DEFAULT_MAP, readEntries } from '../../src/maps/index.ts'
import { Random } from '../../test/helpers/random.ts'
import type { Entries, Entry } from '../engines/engine.ts'
import { type Layout, readMap, type Write } from '../engines/layouts.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { sumOf } from '../runner/stats.ts'
import { checkAnswer } from './answer.ts'
import { createEntries, overwrite } from './base.ts'
import { Writers } from './writers.ts'

export interface OverwriteOptions {
  readonly layouts: readonly Layout[]
  readonly writers: readonly number[]
  readonly keys: number
  /** Average overwrites of a key, ascending: a row for each. */
  readonly times: readonly number[]
  readonly seed: number
  readonly progress?: (row: string) => void
}

export interface Overwrites {
  readonly layout: string
  readonly writers: number
  readonly keys: number
  readonly times: number
  /** Of the whole document as one V1 update. */
  readonly bytes: number
  readonly structs: number
  /** Of the map as JSON. */
  readonly liveBytes: number
  /** `bytes` to `liveBytes`. */
  readonly byteRatio: number
  /** `structs` to `keys`. */
  readonly structRatio: number
  /** Average microseconds of a write since the row before. */
  readonly writeUs: number
  /** Microseconds of exchange for each write, all writers together; null for one writer. */
  readonly exchangeUs: number | null
}

export const KEYS = 100
export const WRITERS: readonly number[] = [1, 5]

/** Average overwrites of a key between two exchanges: most keys then have concurrent writes. */
const EXCHANGE_AFTER = 10

/** Throws a Failure (internal) if a replica, or a copy made of its bytes, has a wrong map. */
const check = (docs: readonly Y.Doc[], bytes: Uint8Array, expected: Entries, where: string) => {
  for (const [index, doc] of docs.entries())
    checkAnswer(readMap(doc), expected, `${where}, writer ${index + 1}`)
  const copy = new Y.Doc()
  Y.applyUpdate(copy, bytes)
  checkAnswer(readMap(copy), expected, `${where}, read from its bytes`)
  copy.destroy()
}

const remainsOf = (doc: Y.Doc, bytes: number, keys: number) => {
  const structs = sumOf([...doc.store.clients.values()].map(({ length }) => length))
  const liveBytes = Buffer.byteLength(JSON.stringify(readEntries(doc, DEFAULT_MAP)))
  return { bytes, structs, liveBytes, byteRatio: bytes / liveBytes, structRatio: structs / keys }
}

type Task = Pick<OverwriteOptions, 'keys' | 'times' | 'seed'>

/** A row for each of `times`. */
const measure = async (
  layout: Layout,
  count: number,
  { keys, times, seed }: Task,
): Promise<Overwrites[]> => {
  const random = new Random(seed)
  const writers = new Writers(count, layout)
  const entries = createEntries(keys, random)
  const createWrite = (): Write => {
    const [[key, value]] = overwrite(entries, 1, random) as [Entry]
    return { writer: random.int(0, count - 1), key, value }
  }
  /** Microseconds of the writes, and of the exchange after them. */
  const play = async (writes: readonly Write[]): Promise<[writing: number, exchanging: number]> => {
    const start = now()
    for (const write of writes) writers.write(write)
    const written = now()
    await writers.exchange()
    const end = now()
    writers.note(writes)
    return [written - start, end - written]
  }

  await play(entries.map(([key, value], index): Write => ({ writer: index % count, key, value })))
  const rows: Overwrites[] = []
  let done = 0
  for (const time of times) {
    collect('major')
    const before = done
    let writeUs = 0
    let exchangeUs = 0
    while (done < time * keys) {
      const length = Math.min(time * keys - done, EXCHANGE_AFTER * keys)
      const [writing, exchanging] = await play(Array.from({ length }, createWrite))
      writeUs += writing
      exchangeUs += exchanging
      done += length
    }
    await writers.settle()
    const [doc] = writers.docs as [Y.Doc]
    const bytes = Y.encodeStateAsUpdate(doc)
    const where = `${layout.name}, ${count} writers, ${time} overwrites a key`
    check(writers.docs, bytes, writers.expected, where)
    rows.push({
      layout: layout.name,
      writers: count,
      keys,
      times: time,
      ...remainsOf(doc, bytes.length, keys),
      writeUs: writeUs / (done - before),
      exchangeUs: count > 1 ? exchangeUs / (done - before) : null,
    })
  }
  return rows
}

/** Runs first: before V8 has compiled the code, the time of a write means little. */
const WARM_UP_WRITERS = 2
const WARM_UP_TIMES = [10]

/** By writers, layout and times. Throws a Failure (internal) for a wrong answer. */
export const runOverwrites = async (options: OverwriteOptions): Promise<Overwrites[]> => {
  const { layouts, writers, progress } = options
  progress?.('overwrites, warming up')
  for (const layout of layouts)
    await measure(layout, WARM_UP_WRITERS, { ...options, times: WARM_UP_TIMES })
  const rows: Overwrites[] = []
  for (const count of writers) {
    for (const layout of layouts) {
      progress?.(`overwrites, ${layout.name}, ${count} writers`)
      rows.push(...(await measure(layout, count, options)))
    }
  }
  return rows
}
