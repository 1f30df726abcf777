/**
 * automerge-repo's storage, keys of strings and bytes, on a store of ours: each key is an entry
 * of a `Y.Map` that Persistence keeps. Every call opens the store anew and closes it, so that
 * what is read was on disk, and nothing is remembered in between.
 *
 * ```ts
 * const adapter = new StoreAdapter(() => new LogStore({ dir }))
 * await adapter.save(['doc', 'snapshot', 'x'], bytes)
 * ```
 */
import type { Chunk, StorageAdapterInterface, StorageKey } from '@automerge/automerge-repo'
import * as Y from 'yjs'
import { Persistence } from '../../src/store/persistence.ts'
import type { Store } from '../../src/store/store.ts'

/** One writer for all openings: its clock alone orders the entries, as the tests compare lists. */
const WRITER = 1

const nameOf = (key: StorageKey): string => JSON.stringify(key)

/** The key that the entry's name stands for; undefined where it does not begin with `prefix`. */
const keyBelow = (name: string, prefix: StorageKey): StorageKey | undefined => {
  const key: StorageKey = JSON.parse(name)
  return prefix.every((part, index) => part === key[index]) ? key : undefined
}

export class StoreAdapter implements StorageAdapterInterface {
  readonly #open: () => Store
  /** Calls wait for one another: a folder has one store object at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(open: () => Store) {
    this.#open = open
  }

  load(key: StorageKey): Promise<Uint8Array | undefined> {
    return this.#with((chunks) => chunks.get(nameOf(key)))
  }

  save(key: StorageKey, data: Uint8Array): Promise<void> {
    return this.#with((chunks) => {
      chunks.set(nameOf(key), data)
    })
  }

  remove(key: StorageKey): Promise<void> {
    return this.#with((chunks) => chunks.delete(nameOf(key)))
  }

  loadRange(prefix: StorageKey): Promise<Chunk[]> {
    return this.#with((chunks) =>
      [...chunks].flatMap(([name, data]) => {
        const key = keyBelow(name, prefix)
        return key ? [{ key, data }] : []
      }),
    )
  }

  removeRange(prefix: StorageKey): Promise<void> {
    return this.#with((chunks) => {
      for (const name of [...chunks.keys()]) if (keyBelow(name, prefix)) chunks.delete(name)
    })
  }

  #with<T>(use: (chunks: Y.Map<Uint8Array>) => T): Promise<T> {
    const result = this.#last.then(() => this.#opened(use))
    this.#last = result.catch(() => undefined) // whoever called is told of it
    return result
  }

  async #opened<T>(use: (chunks: Y.Map<Uint8Array>) => T): Promise<T> {
    const doc = new Y.Doc()
    const persistence = new Persistence(doc, this.#open(), (failure) => {
      throw failure
    })
    const { problems } = await persistence.open()
    if (problems[0]) throw problems[0].failure
    doc.clientID = WRITER // Yjs takes another where it reads updates of this one
    const result = doc.transact(() => use(doc.getMap<Uint8Array>('chunks')))
    await persistence.flushed()
    await persistence.close()
    return result
  }
}
