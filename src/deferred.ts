/**
 * A promise and the functions that settle it. (`Promise.withResolvers` needs Node 22.)
 *
 * ```ts
 * const closing = deferred<void>()
 * closing.resolve(close())        // a listener that is called meanwhile can await `closing.promise`
 * ```
 */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (reason: unknown) => void
}

export const deferred = <T>(): Deferred<T> => {
  let resolve: Deferred<T>['resolve'] = () => undefined
  let reject: Deferred<T>['reject'] = () => undefined
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue
    reject = onReason
  })
  return { promise, resolve, reject }
}
