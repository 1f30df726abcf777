/** Raw Yjs, without any check, in each of its two encodings of an update. */
import * as Y from 'yjs'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import {
  binaryOf,
  type Engine,
  type EngineReplica,
  type SequenceReplica,
  type Value,
} from './engine.ts'

interface Encoding {
  readonly event: 'update' | 'updateV2'
  apply(doc: Y.Doc, update: Uint8Array): void
  encode(doc: Y.Doc): Uint8Array
  merge(updates: Uint8Array[]): Uint8Array
}

const V1: Encoding = {
  event: 'update',
  apply: Y.applyUpdate,
  encode: Y.encodeStateAsUpdate,
  merge: Y.mergeUpdates,
}

const V2: Encoding = {
  event: 'updateV2',
  apply: Y.applyUpdateV2,
  encode: Y.encodeStateAsUpdateV2,
  merge: Y.mergeUpdatesV2,
}

const create = (writer: number, { event, apply, encode, merge }: Encoding): EngineReplica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  const map = doc.getMap<Value>(DEFAULT_MAP)
  let changes: Uint8Array[] = []
  const listener = (update: Uint8Array) => void changes.push(update)
  const write = (run: () => void) => {
    // Only while writing: a listener makes Yjs encode what it has just received, too.
    doc.on(event, listener)
    doc.transact(run)
    doc.off(event, listener)
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
    encodeState: () => encode(doc),
    takeChanges() {
      const [first, ...others] = changes
      if (!first) throw new TypeError('nothing was written since the last call')
      changes = []
      return others.length === 0 ? first : merge([first, ...others])
    },
    receive: (message) => apply(doc, binaryOf(message)),
    read: () => new Map(map.entries()),
    transact: (run) => doc.transact(run),
  }
}

const createSequence = (
  writer: number,
  { event, apply, encode, merge }: Encoding,
): SequenceReplica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  const [text, list] = [doc.getText('text'), doc.getArray<number>('list')]
  let changes: Uint8Array[] = []
  const listener = (update: Uint8Array) => void changes.push(update)
  const write = (run: () => void) => {
    doc.on(event, listener)
    run()
    doc.off(event, listener)
  }
  return {
    insertText: (at, inserted) => write(() => text.insert(at, inserted)),
    deleteText: (at, length) => write(() => text.delete(at, length)),
    insertNumbers: (at, numbers) => write(() => list.insert(at, [...numbers])),
    encodeState: () => encode(doc),
    takeChanges() {
      const all = changes
      changes = []
      return all.length === 1 ? all[0]! : merge(all)
    },
    receive: (message) => apply(doc, binaryOf(message)),
    text: () => text.toString(),
    numbers: () => list.toArray(),
  }
}

export const yjsV1: Engine = {
  name: 'yjs-v1',
  about: 'raw Yjs, Y.applyUpdate of bytes; nothing checked',
  converges: true,
  create: (writer) => create(writer, V1),
  createSequence: (writer) => createSequence(writer, V1),
}

export const yjsV2: Engine = {
  name: 'yjs-v2',
  about: 'raw Yjs, Y.applyUpdateV2 of bytes; nothing checked',
  converges: true,
  create: (writer) => create(writer, V2),
  createSequence: (writer) => createSequence(writer, V2),
}
