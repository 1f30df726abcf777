/**
 * Waits for a condition, with a bound: the one way in which a test waits for what it cannot await.
 * A wait that fails names what it waited for.
 *
 * ```ts
 * await until('b to have it', () => b.map.has('k'))
 * const pid = await until('its process', () => /process (\d+)/.exec(told)?.[1])
 * ```
 */

/** Milliseconds a condition may take. On busy cores it takes many times what it takes alone. */
const PATIENCE = 30_000

/** Milliseconds between two checks, at least and at most. */
const PAUSE = { least: 2, most: 50 }

/** A pause is that many times as long as the check took: some checks start a process. */
const REST = 3

/**
 * Resolves with the first result of `look` that is neither `false` nor `undefined`. Rejects with
 * what `look` throws, and if there is no such result within `bound` milliseconds.
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
