/**
 * What honest writers wrote into a history and none of them overwrites or deletes: entries under
 * keys of their own, and elements of a list. All of it must be there at the end, once.
 *
 * ```ts
 * ledger.write('n0', doc)
 * ledger.check('n1', other)     // throws an Error that names what is missing
 * ```
 */
import type * as Y from 'yjs'
import { seeded } from '../../src/transports/memory/network.ts'

/** The share of steps at which one is written. */
const SHARE = 0.4

const MAP = 'map'
const LIST = 'ledger'

export class Ledger {
  readonly #random: () => number
  readonly #entries = new Map<string, string>()

  constructor(seed: number) {
    this.#random = seeded(seed + 2)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Writes one at this node, or does not. */
  write(address: string, doc: Y.Doc): void {
    if (this.#random() >= SHARE) return
    const key = `honest:${this.size}`
    const value = `${address}:${Math.floor(this.#random() * 2 ** 32)}`
    this.#entries.set(key, value)
    doc.getMap(MAP).set(key, value)
    const list = doc.getArray(LIST)
    list.insert(Math.floor(this.#random() * (list.length + 1)), [value])
  }

  check(address: string, doc: Y.Doc): void {
    const map = doc.getMap(MAP)
    for (const [key, value] of this.#entries) {
      if (map.get(key) !== value)
        throw new Error(`${address} has ${JSON.stringify(map.get(key))} as ${key}, not ${value}`)
    }
    for (const key of map.keys()) {
      if (key.startsWith('honest:') && !this.#entries.has(key))
        throw new Error(`${address} has ${key}, which no honest writer wrote`)
    }
    const found = [...doc.getArray(LIST).toArray()].sort().join()
    const expected = [...this.#entries.values()].sort().join()
    if (found !== expected) throw new Error(`${address} has the list ${found}, not ${expected}`)
  }
}
