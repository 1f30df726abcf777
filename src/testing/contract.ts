/**
 * What a contract suite returns: cases for any test runner. A case rejects if the implementation
 * breaks that part of the contract.
 *
 * ```ts
 * for (const { name, run, timeoutMs } of cases) test(name, { timeout: timeoutMs }, run)
 * ```
 */
export interface ContractCase {
  /** A sentence about the implementation: `keeps the order of appends`. */
  readonly name: string
  /** Rejects with what was wrong. Each run creates and closes a world of its own. */
  readonly run: () => Promise<void>
  /** Milliseconds that a runner should allow: a slow machine needs up to this. */
  readonly timeoutMs: number
}

/** The error that `run` throws or rejects with. Rejects if it does not, or if `expected` does not match `code message`. */
export const rejectionOf = async (run: () => unknown, expected?: RegExp): Promise<Error> => {
  let thrown: unknown
  try {
    await run()
  } catch (error) {
    thrown = error ?? new Error(`rejected with ${error}`)
  }
  if (thrown === undefined) throw new Error('expected a rejection, but it succeeded')
  const error = thrown instanceof Error ? thrown : new Error(`rejected with ${String(thrown)}`)
  const text = `${(error as { readonly code?: unknown }).code ?? ''} ${error.message}`
  if (expected && !expected.test(text)) throw new Error(`rejected with "${text}", not ${expected}`)
  return error
}

/** Milliseconds between two looks of `poll`. */
const POLL_MS = 5

/** Resolves once `isDone` returns true; rejects after `timeoutMs`. */
export const poll = async (
  what: string,
  isDone: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<void> => {
  const start = performance.now()
  while (!(await isDone())) {
    if (performance.now() - start > timeoutMs)
      throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
