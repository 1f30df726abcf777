/**
 * Neighbours that two nodes choose of each other without a message. All addresses lie on several
 * rings, on each in the order of another hash, and the neighbours of a node are the next ones on
 * both sides. If all nodes know each other, each one has the same number of neighbours and is the
 * neighbour of each of them, so that none is left out by chance, as with random targets (RingCast:
 * Voulgaris, van Steen 2007). The neighbours in a partial view are as good as random targets.
 *
 * ```ts
 * const rings = new Rings('a', 2)
 * rings.add('b')
 * rings.neighbours(0, 2, (address) => isAlive(address))     // at most two on each ring
 * ```
 */
import { firstIndex, mixBits } from '../../crdt/index.ts'

/** Is the address a peer that can be sent to? */
type IsFit = (address: string) => boolean

/** FNV-1a of the ring's number and the address, mixed as at the end of MurmurHash3; 30 bits. */
export const ringHash = (ring: number, address: string): number => {
  let hash = 0x811c9dc5 ^ ring
  for (let i = 0; i < address.length; i++)
    hash = Math.imul(hash ^ address.charCodeAt(i), 0x01000193)
  return mixBits(hash) >>> 2
}

class Ring {
  readonly #number: number
  readonly #self: string
  /** Sorted by hash, then by address; the hashes are in an array of their own to save memory. */
  readonly #addresses: string[] = []
  readonly #hashes: number[] = []

  constructor(number: number, self: string) {
    this.#number = number
    this.#self = self
  }

  add(address: string): void {
    const at = this.#indexOf(address)
    this.#addresses.splice(at, 0, address)
    this.#hashes.splice(at, 0, ringHash(this.#number, address))
  }

  remove(address: string): void {
    const at = this.#indexOf(address)
    if (this.#addresses[at] !== address) return
    this.#addresses.splice(at, 1)
    this.#hashes.splice(at, 1)
  }

  /** The first address that fits after our own, going around. */
  after(isFit: IsFit): string | undefined {
    const start = this.#indexOf(this.#self)
    return this.#first(start, 1, isFit)
  }

  /** The first address that fits before our own, going around. */
  before(isFit: IsFit): string | undefined {
    const start = this.#indexOf(this.#self)
    return this.#first(start - 1, -1, isFit)
  }

  #first(start: number, step: 1 | -1, isFit: IsFit): string | undefined {
    const { length } = this.#addresses
    for (let i = 0, at = start; i < length; i++, at += step) {
      const address = this.#addresses[(at + length) % length]!
      if (isFit(address)) return address
    }
    return undefined
  }

  /** Where the address is, or would be. */
  #indexOf(address: string): number {
    const hash = ringHash(this.#number, address)
    return firstIndex(this.#hashes.length, (at) => {
      const other = this.#hashes[at]!
      return other > hash || (other === hash && this.#addresses[at]! >= address)
    })
  }
}

export class Rings {
  readonly #rings: readonly Ring[]

  constructor(self: string, count: number) {
    this.#rings = Array.from({ length: count }, (_, number) => new Ring(number, self))
  }

  /** Adds an address that is not there yet. */
  add(address: string): void {
    for (const ring of this.#rings) ring.add(address)
  }

  remove(address: string): void {
    for (const ring of this.#rings) ring.remove(address)
  }

  /** The neighbours on the rings from number `first` up to `end`, without repetition. */
  neighbours(first: number, end: number, isFit: IsFit): string[] {
    const found: string[] = []
    const isNew: IsFit = (address) => !found.includes(address) && isFit(address)
    for (const ring of this.#rings.slice(first, end)) {
      const after = ring.after(isNew)
      if (after !== undefined) found.push(after)
      const before = ring.before(isNew)
      if (before !== undefined) found.push(before)
    }
    return found
  }
}
