/**
 * Loro: a LoroMap. A whole state is a snapshot, which Loro takes in as it is and decodes where it
 * is read; so the row `loading` compares it, those before it hardly do.
 */
import type * as Loro from 'loro-crdt'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import { binaryOf, type Engine, type Value } from './engine.ts'
import { requireLibrary } from './library.ts'

export const loro: Engine = {
  name: 'loro',
  about: 'Loro, import of a snapshot or an update; it decodes a snapshot where it is read',
  converges: true,
  create(writer) {
    const { LoroDoc }: typeof Loro = requireLibrary('loro-crdt')
    const doc = new LoroDoc()
    doc.setPeerId(writer)
    const map = doc.getMap(DEFAULT_MAP)
    /** How much was written here: a number of operations. */
    const written = (): number => {
      const version = doc.version()
      const count = version.get(doc.peerIdStr) ?? 0
      version.free()
      return count
    }
    let told = 0
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
        const id = { peer: doc.peerIdStr, counter: told }
        const end = written()
        const len = end - told
        told = end
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
