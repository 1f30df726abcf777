/**
 * Who uses a transport: one agent, or the runtime that all providers over it share. Whoever comes
 * while the one before is leaving waits for its end: an editor's page that mounts twice ends its
 * provider and makes the next one at once, without waiting.
 *
 * ```ts
 * const hold = new TransportHold(transport)
 * await hold.take()                       // already_exists while another has it to stay
 * await hold.leave(() => runtime.close())  // who waits for it has its turn after that
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

  /** `soon`: when the holder may leave, where it is about to though it has not called `leave` yet. */
  constructor(transport: Transport, soon: () => Promise<unknown> | undefined = () => undefined) {
    this.#transport = transport
    this.#soon = soon
  }

  /**
   * Resolves when it is ours. Rejects with a Failure: `already_exists` where another has it to
   * stay, `closed` where `leave` was called.
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

  /** Gives it back, to be taken again perhaps: nothing of it is open. */
  free(): void {
    if (holders.get(this.#transport) === this) holders.delete(this.#transport)
  }

  /** Gives it back for good when `end` has come to its end. Called again it is that one. */
  leave(end: () => Promise<void>): Promise<void> {
    if (!this.#leaving) {
      // It is there before anything is ended: who is told of an end may want it at once.
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
