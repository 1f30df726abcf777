/**
 * A document as an agent finds it at its start: a folder that a store has filled, and a summary that
 * shows whether all of it came back.
 *
 * ```ts
 * const written = createWritten(plain, 100_000, 1)
 * await KEPT[0].fill(dir, written)
 * isDeepStrictEqual(summaryOf(restored), summaryOf(written.doc))
 * ```
 */
import { createHash } from 'node:crypto'
import * as Y from 'yjs'
import { digestSnapshot } from '../../crdt/index.ts'
import { DEFAULT_MAP, readEntries, useClock } from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { Random } from '../../test/helpers/random.ts'
import type { Layout } from '../engines/layouts.ts'
import { createEntries } from './base.ts'
import { createTime } from './time.ts'

export interface Written {
  readonly doc: Y.Doc
  /** One for each write. */
  readonly updates: readonly Uint8Array[]
}

/** Of 53 bits, like the ids of agents. */
const FIRST_WRITER = 3_000_000_000_000_001

/** One write for each key, by as many writers as the layout needs. */
export const createWritten = (layout: Layout, keys: number, seed: number): Written => {
  const doc = new Y.Doc()
  useClock(doc, createTime())
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => void updates.push(update))
  createEntries(keys, new Random(seed)).forEach(([key, value], index) => {
    doc.clientID = FIRST_WRITER + Math.floor(index / layout.maxKeysPerWriter)
    layout.write(doc, key, value)
  })
  return { doc, updates }
}

export interface Summary {
  readonly keys: number
  /** Over state vector and deletes, as gossip compares them. */
  readonly digest: string
  /** SHA-256 of the map as JSON. */
  readonly content: string
}

export const summaryOf = (doc: Y.Doc): Summary => {
  const entries = readEntries(doc, DEFAULT_MAP)
  return {
    keys: Object.keys(entries).length,
    digest: digestSnapshot(Y.snapshot(doc), nodePlatform),
    content: createHash('sha256').update(JSON.stringify(entries)).digest('hex'),
  }
}

/** A form in which a document is kept in a folder. */
export interface Kept {
  readonly name: string
  fill(dir: string, written: Written): Promise<void>
}

const withStore = async (dir: string, run: (store: Store) => Promise<unknown>): Promise<void> => {
  const store = new LogStore({ dir })
  await store.load()
  await run(store)
  await store.close()
}

export const KEPT: readonly Kept[] = [
  {
    name: 'log of single updates',
    fill: (dir, { updates }) =>
      withStore(dir, (store) => Promise.all(updates.map((update) => store.append(update)))),
  },
  {
    name: 'compacted state',
    fill: (dir, { doc }) => withStore(dir, (store) => store.compact(doc)),
  },
]
