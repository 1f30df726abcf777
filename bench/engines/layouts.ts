/**
 * The ways in which a map keeps its entries, and which of concurrent writes wins in each. A new
 * layout is one more object here.
 *
 * ```ts
 * LAYOUTS[1].write(doc, 'beat:7', { at: 5 })
 * ```
 */
import type * as Y from 'yjs'
import { DEFAULT_MAP, readEntries, writeEntries, writeEntry } from '../../src/maps/index.ts'
import type { Entries, Entry, Value } from './engine.ts'

export interface Write {
  readonly writer: number
  readonly key: string
  readonly value: Value
}

export interface Layout {
  readonly name: string
  readonly about: string
  write(doc: Y.Doc, key: string, value: Value): void
  /** Writes all entries in one transaction. */
  writeAll(doc: Y.Doc, entries: readonly Entry[]): void
  /** The most keys that one writer of the bench has. */
  readonly maxKeysPerWriter: number
  /** Does the later of two concurrent writes to one key win? */
  laterWins(later: Write, earlier: Write): boolean
}

/**
 * Each append makes Yjs copy the list of live items of the writer's array: 10,000 keys take a second
 * to write one by one, 100,000 a minute and a half. Hot keys belong to an agent, so a larger map has
 * more writers.
 */
export const HOT_WRITER_KEYS = 10_000

export const plain: Layout = {
  name: 'plain',
  about: 'a Y.Map; of concurrent writes that of the higher writer id wins',
  write: (doc, key, value) => writeEntry(doc, DEFAULT_MAP, key, value),
  writeAll: (doc, entries) => writeEntries(doc, DEFAULT_MAP, entries),
  maxKeysPerWriter: Number.POSITIVE_INFINITY,
  laterWins: (later, earlier) => later.writer > earlier.writer,
}

export const hot: Layout = {
  name: 'hot',
  about: 'an array for each writer; of concurrent writes the later one wins',
  write: (doc, key, value) => writeEntry(doc, DEFAULT_MAP, key, value, { hot: true }),
  writeAll: (doc, entries) => writeEntries(doc, DEFAULT_MAP, entries, { hot: true }),
  maxKeysPerWriter: HOT_WRITER_KEYS,
  laterWins: () => true,
}

/** The map of a document in either layout. */
export const readMap = (doc: Y.Doc): Entries =>
  new Map(Object.entries(readEntries(doc, DEFAULT_MAP) as Record<string, Value>))

/** In the order in which they take turns. */
export const LAYOUTS: readonly Layout[] = [plain, hot]
