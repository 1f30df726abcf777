/**
 * Random targets in rotation: a shuffled list that is shuffled again after each pass, as memberlist
 * does for its probes. Purely random targets nearly always miss some peer; here each peer's turn
 * comes.
 *
 * ```js
 * const rotation = new ShuffledRotation(random)
 * rotation.add('a')
 * rotation.take(3, (address) => isFit(address))
 * ```
 */
export class ShuffledRotation {
  readonly #random: () => number
  readonly #list: string[] = []
  /** Index of the next address; those before it have had their turn. */
  #next = 0

  constructor(random: () => number) {
    this.#random = random
  }

  /**
   * Adds an address that is not in the list, at a random place among those whose turn is to come.
   */
  add(address: string): void {
    const at = this.#next + this.#below(this.#list.length - this.#next + 1)
    this.#list.push(address)
    this.#swap(at, this.#list.length - 1)
  }

  /** Up to `count` different addresses that fit. One that does not fit loses its turn. */
  take(count: number, isFit: (address: string) => boolean): string[] {
    const taken: string[] = []
    const wanted = Math.min(count, this.#list.length)
    // The rest of this pass and a whole one after it: every address that fits is found.
    const end = 2 * this.#list.length - this.#next
    for (let seen = 0; taken.length < wanted && seen < end; seen++) {
      if (this.#next >= this.#list.length) this.#shuffle(taken)
      const address = this.#list[this.#next++]!
      if (!taken.includes(address) && isFit(address)) taken.push(address)
    }
    return taken
  }

  /** Starts the next pass; those in `last` have just had a turn, and come at its end. */
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
