/**
 * Our own awareness state as it can be sent. A program may set a state that JSON cannot represent or
 * that peers would refuse. Peers and clients then keep the last valid state, and the reason is
 * reported to the program. There is one instance for each awareness.
 *
 * ```ts
 * const own = ownStateOf(awareness)
 * own.look()      // after each update of our own client: why its state cannot be sent, or undefined
 * own.json        // '{"name":"Ada"}'
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import { type WrittenState, writeState } from '../../../crdt/index.ts'

/** The state of a client that has left, as JSON. */
export const GONE = 'null'

type Refused = NonNullable<WrittenState['rejected']>

export class OwnState {
  readonly #awareness: Awareness
  #json: string | undefined
  /** The clock of the state that was written last. */
  #clock: number | undefined
  /** The last state if it was refused. Its renewals are not reported again. */
  #refused: { readonly state: unknown } | undefined

  constructor(awareness: Awareness) {
    this.#awareness = awareness
  }

  /** The JSON of the last valid state; undefined if there never was one. */
  get json(): string | undefined {
    const clock = this.#awareness.meta.get(this.#awareness.clientID)?.clock
    // Written once for each clock, since it is sent many times.
    if (clock !== this.#clock) this.#write()
    this.#clock = clock
    return this.#json
  }

  /** Why the current state cannot be sent. Undefined if it can, or if the same state was reported before. */
  look(): Refused | undefined {
    const before = this.#refused
    const refused = this.#write()
    const { clientID, meta, states } = this.#awareness
    this.#clock = meta.get(clientID)?.clock
    const state = states.get(clientID)
    this.#refused = refused && { state }
    return before && before.state === state ? undefined : refused
  }

  #write(): Refused | undefined {
    const { clientID, states } = this.#awareness
    const state: unknown = states.has(clientID) ? states.get(clientID) : null
    const { json, rejected: refused } = state === null ? { json: GONE } : writeState(state)
    if (json !== undefined) this.#json = json
    return refused
  }
}

const owns = new WeakMap<Awareness, OwnState>()

export const ownStateOf = (awareness: Awareness): OwnState => {
  const own = owns.get(awareness) ?? new OwnState(awareness)
  owns.set(awareness, own)
  return own
}

/**
 * The state of a client as JSON; undefined if it cannot be sent. The states of other clients were
 * received as JSON, but the program may have replaced them.
 */
export const stateJson = (awareness: Awareness, client: number): string | undefined => {
  if (client === awareness.clientID) return ownStateOf(awareness).json
  const state: unknown = awareness.states.get(client) ?? null
  if (state === null) return GONE
  try {
    return JSON.stringify(state)
  } catch {
    return undefined
  }
}
