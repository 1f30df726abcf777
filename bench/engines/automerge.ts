/**
 * Automerge 3, whose root is the map. A change is sent as it is, a whole state as a saved document.
 * An empty replica loads that document, which takes half as long as merging it.
 */
import { createRequire } from 'node:module'
import type * as Automerge from '@automerge/automerge'
import { binaryOf, type Engine, type SequenceReplica, type Value } from './engine.ts'

/** Loaded by the first `create`: WebAssembly takes 60 ms and 10 MB. */
const require = createRequire(import.meta.url)

type Root = Record<string, Value>

/** A text and a list, as all replicas have them from the start. */
interface Sequences {
  text: string
  list: number[]
  [field: string]: unknown
}

const createSequence = (writer: number): SequenceReplica => {
  const A: typeof Automerge = require('@automerge/automerge')
  // Two replicas that each made a text of their own would have two texts.
  const first = A.change(A.init<Sequences>({ actor: '0'.repeat(32) }), { time: 0 }, (root) => {
    root.text = ''
    root.list = []
  })
  let doc = A.load<Sequences>(A.save(first), { actor: writer.toString(16).padStart(32, '0') })
  A.free(first)
  let changes: Uint8Array[] = []
  const change = (write: (root: Sequences) => void) => {
    doc = A.change(doc, { time: 0 }, write)
    changes.push(A.getLastLocalChange(doc)!)
  }
  return {
    insertText: (at, inserted) => change((root) => A.splice(root, ['text'], at, 0, inserted)),
    deleteText: (at, length) => change((root) => A.splice(root, ['text'], at, length)),
    insertNumbers: (at, numbers) => change((root) => A.insertAt(root.list, at, ...numbers)),
    encodeState: () => A.save(doc),
    takeChanges() {
      const all = Buffer.concat(changes)
      changes = []
      return all
    },
    receive(message) {
      doc = A.loadIncremental(doc, binaryOf(message))
    },
    text: () => doc.text,
    numbers: () => [...doc.list],
    free: () => A.free(doc),
  }
}

export const automerge: Engine = {
  name: 'automerge',
  about: 'Automerge 3, load of a saved document, loadIncremental of changes',
  converges: true,
  createSequence,
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
