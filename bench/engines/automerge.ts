/**
 * Automerge 3, whose root is the map. A change is sent as it is, a whole state as a saved document.
 * An empty replica loads that document, which takes half as long as merging it.
 */
import { createRequire } from 'node:module'
import type * as Automerge from '@automerge/automerge'
import { binaryOf, type Engine, type Value } from './engine.ts'

/** Loaded by the first `create`: WebAssembly takes 60 ms and 10 MB. */
const require = createRequire(import.meta.url)

type Root = Record<string, Value>

export const automerge: Engine = {
  name: 'automerge',
  about: 'Automerge 3, load of a saved document, loadIncremental of changes',
  converges: true,
  create(writer) {
    const A: typeof Automerge = require('@automerge/automerge')
    const actor = writer.toString(16).padStart(32, '0')
    let doc = A.init<Root>({ actor })
    let isEmpty = true
    let changes: Uint8Array[] = []
    const change = (write: (root: Root) => void) => {
      // The time of day would be part of the bytes.
      doc = A.change(doc, { time: 0 }, write)
      isEmpty = false
      changes.push(A.getLastLocalChange(doc)!)
    }
    return {
      set: (entries) =>
        change((root) => {
          for (const [key, value] of entries) root[key] = value
        }),
      delete: (keys) =>
        change((root) => {
          for (const key of keys) delete root[key]
        }),
      encodeState: () => A.save(doc),
      takeChanges() {
        const all = Buffer.concat(changes)
        changes = []
        return all
      },
      receive(message) {
        const bytes = binaryOf(message)
        if (isEmpty) {
          A.free(doc)
          doc = A.load<Root>(bytes, { actor })
          isEmpty = false
        } else {
          doc = A.loadIncremental(doc, bytes)
        }
      },
      read: () => new Map(Object.entries(doc)),
      free: () => A.free(doc),
    }
  },
}
