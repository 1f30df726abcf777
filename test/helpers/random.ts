/**
 * Randomness for tests: a small seeded generator, and a loop over seeds that names the seed that
 * failed. `SEED=17` in the environment runs that seed alone.
 *
 * ```ts
 * eachSeed(100, (random) => { const index = random.int(0, 9) })
 * ```
 */

export class Random {
  #state: number

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring sequences: spread them by the golden ratio.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) >>> 0
  }

  /** Evenly distributed in [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let z = this.#state
    z = Math.imul(z ^ (z >>> 15), z | 1)
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61)
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1))
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(list: readonly T[]): T {
    if (list.length === 0) throw new TypeError('nothing to pick from')
    return list[this.int(0, list.length - 1)]!
  }

  /** A shuffled copy. */
  shuffle<T>(list: readonly T[]): T[] {
    const copy = [...list]
    for (let i = copy.length - 1; i > 0; i--) {
      const j = this.int(0, i)
      ;[copy[i], copy[j]] = [copy[j]!, copy[i]!]
    }
    return copy
  }

  /** Letters, some of them outside ASCII, each one UTF-16 unit long. */
  letters(length: number): string {
    return Array.from({ length }, () => this.pick(['a', 'b', 'z', ' ', 'é', '漢'])).join('')
  }

  /** Letters, some of them two UTF-16 units long. */
  text(length: number): string {
    return Array.from({ length }, () => this.pick(['a', 'z', ' ', 'é', '漢', '🦜'])).join('')
  }
}

const only = process.env.SEED

/** Runs for seeds 0 to `count` - 1; an error names the seed that failed, and how to run it alone. */
export const eachSeed = (count: number, run: (random: Random, seed: number) => void): void => {
  for (let seed = 0; seed < count; seed++) {
    if (only !== undefined && Number(only) !== seed) continue
    try {
      run(new Random(seed), seed)
    } catch (error) {
      if (error instanceof Error) error.message = `seed ${seed} (SEED=${seed}): ${error.message}`
      throw error
    }
  }
}
