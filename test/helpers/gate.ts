/**
 * A promise that the test resolves.
 *
 * ```ts
 * const hold = gate()
 * await hold.promise   // until hold.open()
 * ```
 */
import { deferred } from '../../src/deferred.ts'

export const gate = (): { readonly promise: Promise<void>; readonly open: () => void } => {
  const { promise, resolve } = deferred<void>()
  return { promise, open: () => resolve() }
}
