/**
 * How a map can keep its entries, and who of concurrent writers wins in each. One that is tried
 * out is one more object here.
 *
 * ```ts
 * LAYOUTS[1].write(doc, 'beat:7', { at: 5 })
 * ```
 */
import type * as Y from 'yjs'
import { DEFAULT_MAP, readEntries, writeEntries, writeEntry } from '../../src/maps/index.ts'
import type { Entry, Value } from './engine.ts'

export interface Write {
  readonly writer: number
  readonly key: string
  readonly value: Value
}

export interface Layout {
  readonly name: string
  /** What it is, in a few words. */
  readonly about: string
  write(doc: Y.Doc, key: string, value: Value): void
  /** All of them in one transaction. */
  writeAll(doc: Y.Doc, entries: readonly Entry[]): void
  /** Keys that one writer of the bench has at most. */
  readonly writerKeys: number
  /** Of two writes to one key by writers who did not know of each other: does the later one win? */
  laterWins(later: Write, earlier: Write): boolean
}

/**
 * With each append Yjs copies the list of what is alive in the writer's array: 10,000 keys take a
 * second to write one by one, 100,000 a minute and a half. Hot keys are an agent's own, so more of
 * them have more writers.
 */
export const HOT_WRITER_KEYS = 10_000

export const plain: Layout = {
  name: 'plain',
  about: 'a Y.Map; of concurrent writes that of the higher writer id wins',
  write: (doc, key, value) => writeEntry(doc, DEFAULT_MAP, key, value),
  writeAll: (doc, entries) => writeEntries(doc, DEFAULT_MAP, entries),
  writerKeys: Number.POSITIVE_INFINITY,
  laterWins: (later, earlier) => later.writer > earlier.writer,
}

export const hot: Layout = {
  name: 'hot',
  about: 'an array for each writer; of concurrent writes the later one wins',
  write: (doc, key, value) => writeEntry(doc, DEFAULT_MAP, key, value, { hot: true }),
  writeAll: (doc, entries) => writeEntries(doc, DEFAULT_MAP, entries, { hot: true }),
  writerKeys: HOT_WRITER_KEYS,
  laterWins: () => true,
}

/** The map of a document, whatever its layout. */
export const readMap = (doc: Y.Doc): ReadonlyMap<string, Value> =>
  new Map(Object.entries(readEntries(doc, DEFAULT_MAP) as Record<string, Value>))

/** The layouts, in the order in which they take turns. */
export const LAYOUTS: readonly Layout[] = [plain, hot]
