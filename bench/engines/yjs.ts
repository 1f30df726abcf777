/** Raw Yjs, without any check: what `yjs-v1.ts` and `yjs-v2.ts` have in common. */
import * as Y from 'yjs'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import { binaryOf, type EngineReplica, type Value } from './engine.ts'

/** One of Yjs's two encodings of an update. */
export interface Encoding {
  readonly event: 'update' | 'updateV2'
  apply(doc: Y.Doc, update: Uint8Array): void
  encode(doc: Y.Doc): Uint8Array
  merge(updates: Uint8Array[]): Uint8Array
}

export const createYjs = (writer: number, encoding: Encoding): EngineReplica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  const map = doc.getMap<Value>(DEFAULT_MAP)
  let changes: Uint8Array[] = []
  const listener = (update: Uint8Array) => void changes.push(update)
  const write = (run: () => void) => {
    // Only while writing: a listener makes Yjs encode also what it has just received.
    doc.on(encoding.event, listener)
    doc.transact(run)
    doc.off(encoding.event, listener)
  }
  return {
    set: (entries) =>
      write(() => {
        for (const [key, value] of entries) map.set(key, value)
      }),
    delete: (keys) =>
      write(() => {
        for (const key of keys) map.delete(key)
      }),
    encodeState: () => encoding.encode(doc),
    takeChanges() {
      const [first, ...others] = changes
      if (!first) throw new TypeError('nothing was set since the last call')
      changes = []
      return others.length === 0 ? first : encoding.merge([first, ...others])
    },
    receive: (message) => encoding.apply(doc, binaryOf(message)),
    read: () => new Map(map.entries()),
    transact: (run) => doc.transact(run),
  }
}
