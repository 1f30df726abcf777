/**
 * Decides which awareness states a connection may set: those of ids that it introduced. The protocol
 * lets every client set and remove every state, and y-websocket clients send back all they receive.
 *
 * An accepted state gets a clock of ours: messages of a connection arrive in order, so a state from
 * its owner is always newer than ours. (A client that reconnects sends its old clock, and others would
 * ignore that state until its next renewal, 15 seconds later.)
 *
 * ```js
 * const guard = new AwarenessGuard(awareness, owners, limits)
 * const { update, ignored } = guard.check(bytes)   // `update` may be applied
 * guard.release(origin)                            // the connection has ended: removes its states
 * ```
 */
import * as decoding from 'lib0/decoding'
import { equalityDeep } from 'lib0/function'
import { type Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import { checkValue, Rejection } from '../../crdt/index.ts'
import { encodeUpdate, type UpdateEntry } from '../agent/awareness/awareness-update.ts'
import { BadFrame, reading } from './frames.ts'
import type { BridgeLimits } from './limits.ts'

/** The highest clock of a new id: 60 changes a second for 500 years. */
const FIRST_CLOCK = 2 ** 40

/** Above that, a clock may rise by this much at once: to use up the 2^53 takes 8 billion messages. */
const MAX_CLOCK_JUMP = 2 ** 20

/** Maximum of ids that left whose clocks are kept. y-protocols keeps all forever, at 100 bytes each. */
const MAX_REMEMBERED = 4_096

/** Ids that left, oldest first, by awareness. */
const departed = new WeakMap<Awareness, Set<number>>()

interface Entry {
  readonly id: number
  readonly clock: number
  /** JSON as UTF-8, a view of the message. */
  readonly json: Uint8Array
}

type State = Record<string, unknown> | null

const NULL = 'null'
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const isNull = ({ json }: Entry): boolean => json.length === NULL.length && json[0] === 0x6e

const readEntries = (update: Uint8Array): Entry[] =>
  reading('awareness', () => {
    const decoder = decoding.createDecoder(update)
    const entries: Entry[] = []
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const id = decoding.readVarUint(decoder)
      const clock = decoding.readVarUint(decoder)
      if (!Number.isSafeInteger(id) || !Number.isSafeInteger(clock)) {
        throw new BadFrame(1007, 'awareness: an id or a clock is beyond 2^53')
      }
      entries.push({ id, clock, json: decoding.readVarUint8Array(decoder) })
    }
    if (decoding.hasContent(decoder)) throw new BadFrame(1007, 'awareness: bytes follow')
    return entries
  })

/** Returns undefined for a state that is not valid. Throws a BadFrame for bytes that are not JSON. */
const readState = ({ json }: Entry): State | undefined => {
  const value: unknown = reading('awareness', () => JSON.parse(utf8.decode(json)))
  if (typeof value !== 'object' || Array.isArray(value)) return undefined
  try {
    checkValue(value)
  } catch (error) {
    if (error instanceof Rejection) return undefined
    throw error
  }
  return value as State
}

export class AwarenessGuard {
  readonly #awareness: Awareness
  readonly #owners: Map<number, AwarenessGuard>
  readonly #limits: Pick<BridgeLimits, 'awarenessIds' | 'awarenessBytes'>
  readonly #own = new Set<number>()

  /** `owners` is shared by all guards of one room. */
  constructor(
    awareness: Awareness,
    owners: Map<number, AwarenessGuard>,
    limits: Pick<BridgeLimits, 'awarenessIds' | 'awarenessBytes'>,
  ) {
    this.#awareness = awareness
    this.#owners = owners
    this.#limits = limits
  }

  /**
   * Returns the part of an awareness update that may be applied, or undefined. `ignored` counts new
   * states that were refused: of an id of another client, of too many ids, too large, too deep, or
   * not an object. States that a client only sends back do not count. Throws a BadFrame.
   */
  check(bytes: Uint8Array): { readonly update: Uint8Array | undefined; readonly ignored: number } {
    const accepted: UpdateEntry[] = []
    let ignored = 0
    for (const entry of readEntries(bytes)) {
      const taken = this.#take(entry)
      if (taken === 'ignored') ignored++
      if (typeof taken === 'string') continue
      accepted.push({ client: entry.id, clock: taken.clock, json: JSON.stringify(taken.state) })
    }
    return { update: accepted.length > 0 ? encodeUpdate(accepted) : undefined, ignored }
  }

  /** Removes the states of this connection and frees their ids. Throws, at the end, what a listener threw. */
  release(origin: unknown): void {
    const ids = [...this.#own]
    this.#own.clear()
    for (const id of ids) this.#owners.delete(id)
    try {
      removeAwarenessStates(this.#awareness, ids, origin)
    } finally {
      this.#forget(ids)
    }
  }

  #take(entry: Entry): { clock: number; state: State } | 'known' | 'ignored' {
    const { id, clock, json } = entry
    const known = this.#awareness.meta.get(id)?.clock ?? 0
    const current = this.#awareness.states.get(id)
    if (this.#owners.get(id) !== this) {
      const isNews = clock > known || (isNull(entry) && clock === known)
      if (current || this.#owners.has(id) || id === this.#awareness.clientID) {
        return isNews ? 'ignored' : 'known'
      }
      if (isNull(entry)) return 'known'
      if (this.#own.size >= this.#limits.awarenessIds) return 'ignored'
    }
    if (clock > Math.max(FIRST_CLOCK, known + MAX_CLOCK_JUMP)) return 'ignored'
    if (json.length > this.#limits.awarenessBytes) return 'ignored'
    const state = readState(entry)
    if (state === undefined) return 'ignored'
    const next = nextClock({ clock, state }, { clock: known, state: current })
    if (next === undefined) return 'known'
    this.#own.add(id)
    this.#owners.set(id, this)
    return { clock: next, state }
  }

  #forget(ids: readonly number[]): void {
    const { meta, states } = this.#awareness
    const gone = departed.get(this.#awareness) ?? new Set()
    departed.set(this.#awareness, gone)
    for (const id of ids) {
      gone.delete(id)
      gone.add(id)
    }
    for (const id of gone) {
      if (gone.size <= MAX_REMEMBERED) break
      gone.delete(id)
      // An id that has come back is kept: it is added again when it leaves.
      if (!states.has(id) && !this.#owners.has(id)) meta.delete(id)
    }
  }
}

/** A clock at which every client merges the state of its owner; undefined if all have that state. */
const nextClock = (
  sent: { readonly clock: number; readonly state: State },
  known: { readonly clock: number; readonly state: State | undefined },
): number | undefined => {
  if (!known.state) return sent.state === null ? undefined : Math.max(sent.clock, known.clock) + 1
  // A removal may have the clock of the state that it removes.
  if (sent.state === null || sent.clock > known.clock) return Math.max(sent.clock, known.clock)
  return equalityDeep(sent.state, known.state) ? undefined : known.clock + 1
}
