/**
 * What is left of keys that are overwritten all day: bytes and structs of the document, beside
 * what is alive, after each key was overwritten once, ten times and so on. The keys come at
 * random; several writers write without knowing of each other and exchange now and then.
 *
 * ```ts
 * const rows = await runOverwrites({ layouts: [hot], writers: [5], keys: 100, times: [1, 10], seed: 1 })
 * rows.at(-1)      // { times: 10, bytes: 9876, structs: 110, liveBytes: 7700, … }
 * ```
 */
import * as Y from 'yjs'
import { DEFAULT_MAP, readEntries } from '../../src/maps/index.ts'
import { Random } from '../../test/helpers/random.ts'
import type { Entry } from '../engines/engine.ts'
import { type Layout, readMap, type Write } from '../engines/layouts.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { checkAnswer } from './check.ts'
import { createEntries, overwrite } from './entries.ts'
import { Winners } from './winners.ts'
import { Writers } from './writers.ts'

export interface OverwriteOptions {
  readonly layouts: readonly Layout[]
  readonly writers: readonly number[]
  readonly keys: number
  /** Overwrites of a key, on average, at which there is a row; ascending. */
  readonly times: readonly number[]
  readonly seed: number
  /** Called before each document that is written. */
  readonly progress?: (row: string) => void
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

/** The keys that are overwritten, and by how many writers at a time. */
export const KEYS = 100
export const WRITERS: readonly number[] = [1, 5]

/** Overwrites of a key between two exchanges, on average: most keys then have rivals. */
const EXCHANGE_AFTER = 10

const countStructs = (doc: Y.Doc): number => {
  let count = 0
  for (const structs of doc.store.clients.values()) count += structs.length
  return count
}

/** Throws a Failure (internal) where a replica, or one made of its bytes, has another map than it must. */
const check = (docs: readonly Y.Doc[], bytes: Uint8Array, expected: Winners, where: string) => {
  docs.forEach((doc, index) => {
    checkAnswer(readMap(doc), expected.values, `${where}, writer ${index + 1}`)
  })
  const copy = new Y.Doc()
  Y.applyUpdate(copy, bytes)
  checkAnswer(readMap(copy), expected.values, `${where}, read from its bytes`)
  copy.destroy()
}

/** What is left in a document that takes so many bytes. */
const remainsOf = (doc: Y.Doc, bytes: number, keys: number) => {
  const structs = countStructs(doc)
  const liveBytes = Buffer.byteLength(JSON.stringify(readEntries(doc, DEFAULT_MAP)))
  return { bytes, structs, liveBytes, byteRatio: bytes / liveBytes, structRatio: structs / keys }
}

interface Task extends Pick<OverwriteOptions, 'keys' | 'times' | 'seed'> {
  readonly layout: Layout
  readonly writers: number
}

/** A row for each of `times`. */
const measure = async ({
  layout,
  writers: count,
  keys,
  times,
  seed,
}: Task): Promise<Overwrites[]> => {
  const random = new Random(seed)
  const writers = new Writers(count)
  const { docs } = writers
  const expected = new Winners(layout)
  const entries = createEntries(keys, random)
  const createWrite = (): Write => {
    const [[key, value]] = overwrite(entries, 1, random) as [Entry]
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
    rows.push({
      layout: layout.name,
      writers: count,
      keys,
      times: time,
      ...remainsOf(docs[0]!, bytes.length, keys),
      writeUs: writeUs / (done - before),
      exchangeUs: count > 1 ? exchangeUs / (done - before) : null,
    })
  }
  return rows
}

/** Microseconds of a write mean little before V8 has compiled it. */
const WARM_UP = { writers: 2, times: [10] }

/** By writers, then layout, then how often. Throws a Failure (internal) where an answer is wrong. */
export const runOverwrites = async (options: OverwriteOptions): Promise<Overwrites[]> => {
  const { layouts, writers, keys, times, seed, progress } = options
  progress?.('overwrites, warming up')
  for (const layout of layouts) await measure({ layout, keys, seed, ...WARM_UP })
  const rows: Overwrites[] = []
  for (const count of writers) {
    for (const layout of layouts) {
      progress?.(`overwrites, ${layout.name}, ${count} writers`)
      rows.push(...(await measure({ layout, writers: count, keys, times, seed })))
    }
  }
  return rows
}
