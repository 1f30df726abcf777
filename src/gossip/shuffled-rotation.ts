/**
 * Random targets, taken in turn: a shuffled list that is shuffled again when it has been gone
 * through. Purely random targets leave somebody out nearly always; here each one's turn comes.
 *
 * ```js
 * const turns = new Turns(random)
 * turns.add('a')
 * turns.take(3, (address) => isFit(address))
 * ```
 */
export class ShuffledRotation {
  readonly #random: () => number
  readonly #list: string[] = []
  /** Those before it have had their turn. */
  #next = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /** Adds somebody who is not in the list, at a random place among those whose turn is to come. */
  add(address: string): void {
    const at = this.#next + this.#below(this.#list.length - this.#next + 1)
    this.#list.push(address)
    this.#swap(at, this.#list.length - 1)
  }

  /** Up to `count` different ones that fit; one that is not fit loses its turn. */
  take(count: number, isFit: (address: string) => boolean): string[] {
    const taken: string[] = []
    const wanted = Math.min(count, this.#list.length)
    // What is left of the list, and a whole one after it: whoever is fit is found.
    const end = 2 * this.#list.length - this.#next
    for (let seen = 0; taken.length < wanted && seen < end; seen++) {
      if (this.#next >= this.#list.length) this.#shuffle(taken)
      const address = this.#list[this.#next++]!
      if (!taken.includes(address) && isFit(address)) taken.push(address)
    }
    return taken
  }

  /** Begins anew; those in `last` just had a turn and come at the end. */
  #shuffle(last: readonly string[]): void {
    for (let i = this.#list.length - 1; i > 0; i--) this.#swap(i, this.#below(i + 1))
    const early = this.#list.filter((address) => !last.includes(address))
    const late = this.#list.filter((address) => last.includes(address))
    this.#list.splice(0, this.#list.length, ...early, ...late)
    this.#next = 0
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  #swap(a: number, b: number): void {
    const kept = this.#list[a]!
    this.#list[a] = this.#list[b]!
    this.#list[b] = kept
  }
}
