/**
 * Our own awareness state as it can be told. A program may set what JSON cannot write, or what no
 * peer would take: peers and clients then keep the last state that could be told, until the next
 * good one, and the program is told why. One for each awareness, whoever tells it to others.
 *
 * ```ts
 * const own = ownStateOf(awareness)
 * own.look()      // after each update of our own client: why its state cannot be told, or undefined
 * own.json        // '{"name":"Ada"}'
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import { type WrittenState, writeState } from '../../../crdt/index.ts'

/** The state of a client that has gone, as JSON. */
export const GONE = 'null'

type Refused = NonNullable<WrittenState['rejected']>

export class OwnState {
  readonly #awareness: Awareness
  #json: string | undefined
  /** Of the state that was written last. */
  #clock: number | undefined
  /** The last one, where it cannot be told: it is renewed now and then, and is no news then. */
  #refused: { readonly state: unknown } | undefined

  constructor(awareness: Awareness) {
    this.#awareness = awareness
  }

  /** Of the last state that can be told; undefined where there never was one. */
  get json(): string | undefined {
    const clock = this.#awareness.meta.get(this.#awareness.clientID)?.clock
    // Once for each clock: it is told to many.
    if (clock !== this.#clock) this.#write()
    this.#clock = clock
    return this.#json
  }

  /** Why the state that is set now cannot be told; undefined where it can, and where it was asked of the same before. */
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
 * The state of a client as JSON; undefined where it cannot be told. All but our own came as JSON,
 * unless a program has put something in their place.
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
