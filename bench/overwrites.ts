/**
 * What is left of keys that are overwritten all day: bytes and structs of the document, beside
 * what is alive, after each key was overwritten once, ten times and so on. The keys come at
 * random; several writers write without knowing of each other and exchange now and then.
 *
 * ```ts
 * const rows = await measureOverwrites({ layout, writers: 5, keys: 100, times: [1, 10] }, 1)
 * rows.at(-1)      // { times: 10, bytes: 9876, structs: 110, liveBytes: 7700, … }
 * ```
 */
import * as Y from 'yjs'
import { DEFAULT_MAP, readEntries } from '../src/maps/index.ts'
import { Random } from '../test/helpers/random.ts'
import { checkAnswer } from './check.ts'
import { now } from './clock.ts'
import type { Value } from './engine.ts'
import { createEntries, overwrite } from './entries.ts'
import { collect } from './garbage.ts'
import type { Layout, Write } from './layouts.ts'
import { Winners } from './winners.ts'
import { Writers } from './writers.ts'

export interface OverwriteOptions {
  readonly layout: Layout
  readonly writers: number
  readonly keys: number
  /** Overwrites of a key, on average, at which there is a row; ascending. */
  readonly times: readonly number[]
}

export interface Overwrites {
  readonly layout: string
  readonly writers: number
  readonly keys: number
  readonly times: number
  /** Of the whole document as one update, in V1. */
  readonly bytes: number
  readonly structs: number
  /** Of the map as JSON. */
  readonly liveBytes: number
  /** `bytes` to `liveBytes`. */
  readonly byteRatio: number
  /** `structs` to `keys`. */
  readonly structRatio: number
  /** Microseconds of one write, on average of those since the row before. */
  readonly writeUs: number
  /** Microseconds that exchanging took all writers together, for each write; null for one alone. */
  readonly exchangeUs: number | null
}

/** The keys that are overwritten, and by how many at a time. */
export const KEYS = 100
export const WRITERS: readonly number[] = [1, 5]

/** Overwrites of a key between two exchanges, on average: most keys then have rivals. */
const EXCHANGE_AFTER = 10

const countStructs = (doc: Y.Doc): number => {
  let count = 0
  for (const structs of doc.store.clients.values()) count += structs.length
  return count
}

const read = (doc: Y.Doc): ReadonlyMap<string, Value> =>
  new Map(Object.entries(readEntries(doc, DEFAULT_MAP) as Record<string, Value>))

/** Throws a Failure (internal) where a replica, or one made of its bytes, has another map than it must. */
const check = (docs: readonly Y.Doc[], bytes: Uint8Array, expected: Winners, where: string) => {
  docs.forEach((doc, index) => {
    checkAnswer(read(doc), expected.values, `${where}, writer ${index + 1}`)
  })
  const copy = new Y.Doc()
  Y.applyUpdate(copy, bytes)
  checkAnswer(read(copy), expected.values, `${where}, read from its bytes`)
  copy.destroy()
}

/** A row for each of `times`. */
export const measureOverwrites = async (
  { layout, writers: count, keys, times }: OverwriteOptions,
  seed: number,
): Promise<Overwrites[]> => {
  const random = new Random(seed)
  const writers = new Writers(count)
  const { docs } = writers
  const expected = new Winners(layout)
  const entries = createEntries(keys, random)
  const createWrite = (): Write => {
    const [[key, value]] = overwrite(entries, 1, random) as [readonly [string, Value]]
    return { writer: random.int(0, count - 1), key, value }
  }
  /** Microseconds of the writes, and of the exchange behind them. */
  const play = async (writes: readonly Write[]): Promise<[writing: number, exchanging: number]> => {
    const start = now()
    for (const { writer, key, value } of writes) layout.write(docs[writer]!, key, value)
    const written = now()
    await writers.exchange()
    const end = now()
    for (const write of writes) expected.note(write)
    expected.exchanged()
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
    const bytes = Y.encodeStateAsUpdate(docs[0]!)
    check(docs, bytes, expected, `${layout.name}, ${count} writers, ${time} overwrites a key`)
    const structs = countStructs(docs[0]!)
    const liveBytes = Buffer.byteLength(JSON.stringify(readEntries(docs[0]!, DEFAULT_MAP)))
    rows.push({
      layout: layout.name,
      writers: count,
      keys,
      times: time,
      bytes: bytes.length,
      structs,
      liveBytes,
      byteRatio: bytes.length / liveBytes,
      structRatio: structs / keys,
      writeUs: writeUs / (done - before),
      exchangeUs: count > 1 ? exchangeUs / (done - before) : null,
    })
  }
  return rows
}

/** Microseconds of a write mean little before V8 has compiled it. */
const WARM_UP = { writers: 2, times: [10] }

export interface OverwritesOptions {
  readonly layouts: readonly Layout[]
  readonly writers: readonly number[]
  readonly keys: number
  readonly times: readonly number[]
  readonly seed: number
  /** Called before each document that is written. */
  readonly progress?: (row: string) => void
}

/** By writers, then layout, then how often. Throws a Failure (internal) where an answer is wrong. */
export const runOverwrites = async (options: OverwritesOptions): Promise<Overwrites[]> => {
  const { layouts, writers, keys, times, seed, progress } = options
  progress?.('overwrites, warming up')
  for (const layout of layouts) await measureOverwrites({ layout, keys, ...WARM_UP }, seed)
  const rows: Overwrites[] = []
  for (const count of writers) {
    for (const layout of layouts) {
      progress?.(`overwrites, ${layout.name}, ${count} writers`)
      rows.push(...(await measureOverwrites({ layout, writers: count, keys, times }, seed)))
    }
  }
  return rows
}
