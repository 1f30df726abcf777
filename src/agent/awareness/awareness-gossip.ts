/**
 * Awareness over gossip: states that change here or arrive are passed on to some peers, which do the
 * same, at a rate that fits the size of the swarm. A lost message is not repaired: each state is
 * renewed or expires.
 *
 * ```ts
 * const gossiped = new AwarenessGossip(awareness, { send, countPeers })
 * gossip.open('notes', replica, { awareness: gossiped })
 * gossiped.receive(bytes, from)
 * ```
 */

import { type Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import {
  type AwarenessEntry,
  decodeAwareness,
  encodeAwareness,
  MAX_AWARENESS_ENTRIES,
  MAX_AWARENESS_STATE_LENGTH,
  Rejection,
  type WrittenEntry,
} from '../../../crdt/index.ts'
import type { AwarenessSource } from '../../gossip/index.ts'
import { attempt } from '../../listeners.ts'
import { encodeUpdate } from './awareness-update.ts'
import { GONE, stateJson } from './own-state.ts'
import { emitToAll } from './safe-events.ts'
import { forgetGone, lifeOf } from './swarm-awareness.ts'

/** Minimum of milliseconds between two sends: people do not see a cursor jump that often. */
const MIN_PAUSE_MS = 100

/** Milliseconds for each peer: so a swarm of any size sends 3 times 100 messages a second. */
const PAUSE_PER_PEER_MS = 10

/** Milliseconds: a sixth of the shortest life of a state. */
const MAX_PAUSE_MS = 5_000

/** Bytes of an entry besides its state. */
const ENTRY_BYTES = 32

/** Messages in which a new agent queries all states: one for each peer of its first send. */
const QUERIES = 3

/**
 * Minimum of milliseconds between two raises of our clock over that which peers know. Otherwise two
 * programs with one client id would raise it against each other without end.
 */
const RAISE_MS = 3_000

/** Maximum of known states. A peer can invent clients: each costs memory and space in messages. */
const MAX_STATES = 10_000

/** From this clock it can still be raised for some centuries. */
const MAX_CLOCK = 2 ** 52

/**
 * Milliseconds. A program's clocks start at its time of day or at 0, and rise by one with each state. A
 * clock that is further ahead of our time is forged: its client could not be raised over it for good. A
 * year, as hosts may have the wrong date.
 */
const MAX_AHEAD_MS = 366 * 24 * 60 * 60 * 1000

/** A clock may always rise by this much: its owner has raised it over a forged one, on a host that is ahead of us. */
const MAX_CLOCK_JUMP = 2 ** 20

export interface AwarenessHooks {
  /** Sends the states from that number on to some peers, or only to `to`. */
  send(since: number, to?: string): void
  countPeers(): number
}

interface Change {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

const utf8 = new TextEncoder()

export class AwarenessGossip implements AwarenessSource {
  readonly #awareness: Awareness
  readonly #hooks: AwarenessHooks
  /** Client → number of its last change. */
  readonly #numbers = new Map<number, number>()
  #next = 1
  /** The number of the first change that was not sent yet. */
  #unsent: number | undefined
  #timer: NodeJS.Timeout | undefined
  /** In milliseconds of Date. */
  #sentAt = 0
  #queriesLeft = QUERIES
  /** The clock under which peers learn that our own client has left; undefined: it has not. */
  #goneAt: number | undefined
  /** In milliseconds of Date. */
  #raisedAt = Number.NEGATIVE_INFINITY
  #forgotAt = Number.NEGATIVE_INFINITY
  readonly #restoreEmit: () => void

  constructor(awareness: Awareness, hooks: AwarenessHooks) {
    this.#awareness = awareness
    this.#hooks = hooks
    for (const client of awareness.states.keys()) this.#numbers.set(client, this.#next++)
    this.#restoreEmit = emitToAll(awareness)
    awareness.on('update', this.#onUpdate)
    this.#unsent = 1
    this.#sendSoon()
  }

  /**
   * Stops, and announces to peers that our own client has left. Its state stays here: observers of this
   * awareness see no change that the program did not make.
   */
  announceLeaving(): void {
    const { clientID, meta, states } = this.#awareness
    const own = meta.get(clientID)
    if (own && states.has(clientID)) {
      this.#goneAt = own.clock + 1
      // If it comes back, its clock is above that of its removal.
      meta.set(clientID, { ...own, clock: own.clock + 2 })
      this.#note([clientID])
    }
    this.destroy()
  }

  /** Stops. Changes that were not sent yet are sent at once. */
  destroy(): void {
    this.#awareness.off('update', this.#onUpdate)
    this.#restoreEmit()
    clearTimeout(this.#timer)
    if (this.#unsent !== undefined) this.#hooks.send(this.#unsent)
    this.#unsent = undefined
  }

  encodeSince(number: number, bytes: number): Uint8Array | undefined {
    const now = Date.now()
    const entries: WrittenEntry[] = []
    let room = bytes
    // The newest first: a state that does not fit is sent when it is renewed.
    for (const [client, last] of [...this.#numbers].reverse()) {
      if (last < number || entries.length >= MAX_AWARENESS_ENTRIES) break
      const entry = this.#entryOf(client, now)
      if (!entry) this.#numbers.delete(client)
      // A new peer needs no removals.
      if (!entry || (number === 0 && entry.json === GONE)) continue
      // Our JSON may be longer than the JSON that was received.
      if (entry.json.length > MAX_AWARENESS_STATE_LENGTH) continue
      room -= utf8.encode(entry.json).length + ENTRY_BYTES
      if (room < 0) break
      entries.push(entry)
    }
    const isQuery = this.#queriesLeft > 0
    if (entries.length === 0 && !isQuery) return undefined
    if (isQuery) this.#queriesLeft--
    return encodeAwareness({ isQuery, entries })
  }

  /**
   * Merges states from a peer. Throws a Rejection or what a listener threw: after the merge, if it is
   * for some of the states only.
   */
  receive(bytes: Uint8Array, from: string): void {
    const { isQuery, entries } = decodeAwareness(bytes)
    const { clientID, meta, states } = this.#awareness
    const life = lifeOf(states.size)
    const thrown: unknown[] = []
    const note = (error: unknown): void => void thrown.push(error)
    attempt(() => this.#raiseOver(entries), note)
    if (meta.size >= MAX_STATES) this.#forget()
    let places = MAX_STATES - meta.size
    const forged = entries.filter((entry) => entry.client !== clientID && this.#isForged(entry))
    const taken = entries.filter(
      (entry) =>
        // Only this program sets its own state.
        entry.client !== clientID &&
        entry.age < life &&
        !forged.includes(entry) &&
        (meta.has(entry.client) || places-- > 0),
    )
    if (taken.length > 0) this.#queriesLeft = 0
    const before = new Map(taken.map(({ client }) => [client, meta.get(client)]))
    const update = encodeUpdate(
      taken.map(({ client, clock, state }) => ({ client, clock, json: JSON.stringify(state) })),
    )
    attempt(() => applyAwarenessUpdate(this.#awareness, update, this), note)
    const now = Date.now()
    for (const { client, age } of taken) {
      const applied = meta.get(client)
      // The age on arrival counts, so that a state which circulates among peers expires.
      if (applied && applied !== before.get(client))
        meta.set(client, { clock: applied.clock, lastUpdated: now - age })
    }
    if (isQuery) this.#hooks.send(0, from)
    if (thrown.length > 0) throw thrown[0]
    const [first] = forged
    if (first)
      throw new Rejection('clock_jump', `awareness clock ${first.clock} of client ${first.client}`)
  }

  #isForged({ client, clock }: AwarenessEntry): boolean {
    const known = this.#awareness.meta.get(client)?.clock ?? 0
    return clock > Math.max(Date.now() + MAX_AHEAD_MS, known + MAX_CLOCK_JUMP)
  }

  /**
   * Peers may know a higher clock of ours, of an earlier run or a forged one, and would ignore our
   * states. So our clock is raised above it.
   */
  #raiseOver(entries: readonly AwarenessEntry[]): void {
    const { clientID, meta } = this.#awareness
    const clock = Math.max(
      -1,
      ...entries.filter(({ client }) => client === clientID).map((entry) => entry.clock),
    )
    const own = meta.get(clientID)
    const now = Date.now()
    if (!own || clock <= own.clock || clock >= MAX_CLOCK || now < this.#raisedAt + RAISE_MS) return
    this.#raisedAt = now
    meta.set(clientID, { ...own, clock })
    this.#awareness.setLocalState(this.#awareness.getLocalState())
  }

  /** Frees places in an awareness of the program, which may not do so itself. */
  #forget(): void {
    const now = Date.now()
    if (now < this.#forgotAt + RAISE_MS) return
    this.#forgotAt = now
    forgetGone(this.#awareness)
    for (const client of this.#numbers.keys())
      if (!this.#awareness.meta.has(client)) this.#numbers.delete(client)
  }

  #entryOf(client: number, now: number): WrittenEntry | undefined {
    const known = this.#awareness.meta.get(client)
    if (!known) return undefined
    if (client === this.#awareness.clientID && this.#goneAt !== undefined)
      return { client, clock: this.#goneAt, age: 0, json: GONE }
    const json = stateJson(this.#awareness, client)
    return json === undefined
      ? undefined
      : { client, clock: known.clock, age: now - known.lastUpdated, json }
  }

  readonly #onUpdate = ({ added, updated, removed }: Change, origin: unknown): void => {
    // A client that timed out here may still be renewed at peers: each decides for itself.
    const changed =
      origin === 'timeout' ? [...added, ...updated] : [...added, ...updated, ...removed]
    if (origin === 'timeout') for (const client of removed) this.#numbers.delete(client)
    if (changed.length === 0) return
    this.#note(changed)
    this.#sendSoon()
  }

  /** Marks these clients as changed and not sent yet. */
  #note(clients: readonly number[]): void {
    this.#unsent ??= this.#next
    for (const client of clients) {
      // Removed first, so that the map stays in order of the numbers.
      this.#numbers.delete(client)
      this.#numbers.set(client, this.#next++)
    }
  }

  #sendSoon(): void {
    if (this.#timer) return
    const pause = Math.min(
      MAX_PAUSE_MS,
      Math.max(MIN_PAUSE_MS, this.#hooks.countPeers() * PAUSE_PER_PEER_MS),
    )
    const wait = Math.max(0, this.#sentAt + pause - Date.now())
    this.#timer = setTimeout(() => this.#send(), wait).unref()
  }

  #send(): void {
    this.#timer = undefined
    this.#sentAt = Date.now()
    const since = this.#unsent
    this.#unsent = undefined
    if (since !== undefined) this.#hooks.send(since)
  }
}
