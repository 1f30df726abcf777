/**
 * Waiting for a condition, with a bound: the one way in which a test waits for what it cannot
 * await. A wait that is in vain says what it was for.
 *
 * ```ts
 * await until('b to have it', () => b.map.has('k'))
 * const pid = await until('its process', () => /process (\d+)/.exec(told)?.[1])
 * ```
 */

/** Milliseconds a condition may take; what takes under 1,000 alone takes longer on busy cores. */
const PATIENCE = 30_000

/** Milliseconds between two looks, at least and at most. */
const PAUSE = { least: 2, most: 50 }

/** Pauses are that many times as long as a look took: some looks cost a process. */
const REST = 3

/**
 * Resolves with the first answer of `look` that is neither `false` nor `undefined`. Rejects with
 * what `look` throws, and when no such answer has come after `bound` milliseconds.
 */
export const until = async <T>(
  what: string,
  look: () => T | Promise<T>,
  bound = PATIENCE,
): Promise<Exclude<T, false | undefined>> => {
  const start = performance.now()
  for (;;) {
    const before = performance.now()
    const found = await look()
    if (found !== false && found !== undefined) return found as Exclude<T, false | undefined>
    const now = performance.now()
    if (now - start > bound) throw new Error(`waited ${bound} ms in vain: ${what}`)
    const pause = Math.min(Math.max((now - before) * REST, PAUSE.least), PAUSE.most)
    await new Promise((resolve) => setTimeout(resolve, pause))
  }
}
