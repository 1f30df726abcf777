/**
 * Makes sure that one agent, or one runtime shared by providers, uses a transport at a time. The next
 * user waits while the current one is leaving: an editor page that mounts twice destroys a provider
 * and creates the next one at once.
 *
 * ```ts
 * const hold = new TransportHold(transport)
 * await hold.take()                         // already_exists while another user stays
 * await hold.leave(() => runtime.close())   // the next user can take it after that
 * ```
 */
import { deferred } from '../deferred.ts'
import { Failure } from '../errors.ts'
import type { Transport } from '../transports/transport.ts'

const holders = new WeakMap<Transport, TransportHold>()

export class TransportHold {
  readonly #transport: Transport
  readonly #soon: () => Promise<unknown> | undefined
  #leaving: Promise<void> | undefined

  /** `soon` returns a promise if the holder is about to call `leave`. */
  constructor(transport: Transport, soon: () => Promise<unknown> | undefined = () => undefined) {
    this.#transport = transport
    this.#soon = soon
  }

  /**
   * Resolves when this holder has the transport. Rejects with a Failure: `already_exists` if another
   * holder stays, `closed` after `leave`.
   */
  async take(): Promise<void> {
    const transport = this.#transport
    for (let other = holders.get(transport); !this.#leaving; other = holders.get(transport)) {
      if (!other || other === this) {
        holders.set(transport, this)
        return
      }
      const leaving = other.#leaving ?? other.#soon()
      if (!leaving) throw inUse(transport)
      await Promise.allSettled([leaving])
    }
    throw new Failure('closed', 'the agent or provider was stopped and cannot be started again', {
      hint: 'create a new one; it may use the same transport',
    })
  }

  /** Gives the transport back after a failed open. `take` may be called again. */
  free(): void {
    if (holders.get(this.#transport) === this) holders.delete(this.#transport)
  }

  /** Gives the transport back for good once `end` settles. A second call returns the first promise. */
  leave(end: () => Promise<void>): Promise<void> {
    if (!this.#leaving) {
      // Set before `end` runs: a listener that it calls may want the transport at once.
      const { promise, resolve } = deferred<void>()
      this.#leaving = promise
      resolve(end().finally(() => this.free()))
    }
    return this.#leaving
  }
}

const inUse = ({ kind, address }: Transport): Failure =>
  new Failure('already_exists', `the ${kind} transport${address && ` of "${address}"`} is in use`, {
    hint: 'stop the agent or the provider that uses it, or create another transport',
  })
