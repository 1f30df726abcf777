/**
 * Yrs, the port of Yjs to Rust, by its WebAssembly package `ywasm`: the same format of updates, and
 * nothing checked. Its values cross from WebAssembly as JSON.
 */
import { createRequire } from 'node:module'
import * as Y from 'yjs'
import type * as Yrs from 'ywasm'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import { binaryOf, type Engine, type SequenceReplica, type Value } from './engine.ts'

/** Loaded by the first `create`: WebAssembly takes time and memory. */
const require = createRequire(import.meta.url)

const load = (): typeof Yrs => require('ywasm')

interface Writes {
  /** Runs in a transaction. */
  readonly write: (run: (transaction: Yrs.YTransaction) => void) => void
  readonly takeChanges: () => Uint8Array
}

/** Without a listener, so that what is received is not encoded once more. */
const writesOf = (doc: Yrs.YDoc): Writes => {
  let changes: Uint8Array[] = []
  return {
    write(run) {
      const transaction = doc.beginTransaction('write')
      try {
        run(transaction)
        changes.push(transaction.encodeUpdate())
      } finally {
        transaction.commit()
        transaction.free()
      }
    },
    takeChanges() {
      const [first, ...others] = changes
      if (!first) throw new TypeError('nothing was written since the last call')
      changes = []
      return others.length === 0 ? first : Y.mergeUpdates([first, ...others])
    },
  }
}

const createSequence = (writer: number): SequenceReplica => {
  const { YDoc, applyUpdate, encodeStateAsUpdate } = load()
  const doc = new YDoc({ clientID: writer })
  const [text, list] = [doc.getText('text'), doc.getArray('list')]
  const { write, takeChanges } = writesOf(doc)
  return {
    insertText: (at, inserted) => write((all) => text.insert(at, inserted, undefined, all)),
    deleteText: (at, length) => write((all) => text.delete(at, length, all)),
    insertNumbers: (at, numbers) => write((all) => list.insert(at, [...numbers], all)),
    encodeState: () => encodeStateAsUpdate(doc),
    takeChanges,
    receive: (message) => applyUpdate(doc, binaryOf(message), undefined),
    text: () => text.toString(undefined),
    numbers: () => list.toJson(undefined) as number[],
    free: () => doc.free(),
  }
}

export const yrs: Engine = {
  name: 'yrs',
  about: 'Yrs in WebAssembly (ywasm), applyUpdate of bytes; nothing checked',
  converges: true,
  createSequence,
  create(writer) {
    const { YDoc, applyUpdate, encodeStateAsUpdate } = load()
    const doc = new YDoc({ clientID: writer })
    const map = doc.getMap(DEFAULT_MAP)
    const { write, takeChanges } = writesOf(doc)
    return {
      set: (entries) =>
        write((all) => {
          for (const [key, value] of entries) map.set(key, value, all)
        }),
      delete: (keys) =>
        write((all) => {
          for (const key of keys) map.delete(key, all)
        }),
      encodeState: () => encodeStateAsUpdate(doc),
      takeChanges,
      receive: (message) => applyUpdate(doc, binaryOf(message), undefined),
      read: () => new Map(Object.entries(map.toJson(undefined) as Record<string, Value>)),
      free() {
        map.free()
        doc.free()
      },
    }
  },
}
