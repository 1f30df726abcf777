/**
 * A promise that is there before what it stands for has begun. (`Promise.withResolvers` comes with
 * Node 22.)
 *
 * ```ts
 * const closing = deferred<void>()
 * closing.resolve(close())        // who is told of it meanwhile may wait for `closing.promise`
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
