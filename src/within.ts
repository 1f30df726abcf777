/**
 * Waits for a promise, and not longer than some time.
 *
 * ```ts
 * if (!(await within(2_000, closing))) report('still closing')
 * ```
 */

/** Resolves to whether `work` settled within `ms`, and rejects as it does. The timer is cleared. */
export const within = async (ms: number, work: Promise<unknown>): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false)
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
