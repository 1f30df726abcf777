/**
 * Loro: a LoroMap. A whole state is a snapshot, which Loro imports as it is and decodes when it is
 * read; so only the row `loading` compares the whole of that work.
 */
import { createRequire } from 'node:module'
import type * as Loro from 'loro-crdt'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import { binaryOf, type Engine, type SequenceReplica, type Value } from './engine.ts'

/** Loaded by the first `create`: WebAssembly takes 60 ms and 10 MB. */
const require = createRequire(import.meta.url)

const createSequence = (writer: number): SequenceReplica => {
  const { LoroDoc }: typeof Loro = require('loro-crdt')
  const doc = new LoroDoc()
  doc.setPeerId(writer)
  const [text, list] = [doc.getText('text'), doc.getList('list')]
  let taken = doc.version()
  return {
    insertText(at, inserted) {
      text.insert(at, inserted)
      doc.commit()
    },
    deleteText(at, length) {
      text.delete(at, length)
      doc.commit()
    },
    insertNumbers(at, numbers) {
      numbers.forEach((number, index) => {
        list.insert(at + index, number)
      })
      doc.commit()
    },
    encodeState: () => doc.export({ mode: 'snapshot' }),
    takeChanges() {
      const update = doc.export({ mode: 'update', from: taken })
      taken.free()
      taken = doc.version()
      return update
    },
    receive: (message) => void doc.import(binaryOf(message)),
    text: () => text.toString(),
    numbers: () => list.toArray() as number[],
    free() {
      taken.free()
      doc.free()
    },
  }
}

export const loro: Engine = {
  name: 'loro',
  about: 'Loro, import of a snapshot or an update; it decodes a snapshot when it is read',
  converges: true,
  createSequence,
  create(writer) {
    const { LoroDoc }: typeof Loro = require('loro-crdt')
    const doc = new LoroDoc()
    doc.setPeerId(writer)
    const map = doc.getMap(DEFAULT_MAP)
    /** Operations that were written here. */
    const written = (): number => {
      const version = doc.version()
      const count = version.get(doc.peerIdStr) ?? 0
      version.free()
      return count
    }
    let taken = 0
    return {
      set(entries) {
        for (const [key, value] of entries) map.set(key, value)
        doc.commit()
      },
      delete(keys) {
        for (const key of keys) map.delete(key)
        doc.commit()
      },
      encodeState: () => doc.export({ mode: 'snapshot' }),
      takeChanges() {
        const id = { peer: doc.peerIdStr, counter: taken }
        const end = written()
        const len = end - taken
        taken = end
        return doc.export({ mode: 'updates-in-range', spans: [{ id, len }] })
      },
      receive: (message) => void doc.import(binaryOf(message)),
      read: () => new Map(Object.entries(map.toJSON() as Record<string, Value>)),
      free() {
        map.free()
        doc.free()
      },
    }
  },
}
