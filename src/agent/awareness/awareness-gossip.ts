/**
 * Awareness over gossip: what changes here or is heard is passed on to some peers, who pass it
 * on, at a pace that fits the swarm's size. What is lost on the way is not repaired: each state is
 * renewed, or ends with its time.
 *
 * ```ts
 * const gossiped = new AwarenessGossip(awareness, { tell, countPeers })
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
  type WrittenEntry,
} from '../../../crdt/index.ts'
import type { AwarenessSource } from '../../gossip/index.ts'
import { attempt } from '../../listeners.ts'
import { encodeUpdate } from './awareness-update.ts'
import { GONE, stateJson } from './own-state.ts'
import { emitToAll } from './safe-events.ts'
import { forgetGone, lifeOf } from './swarm-awareness.ts'

/** Milliseconds between two tellings at least: people do not see a cursor jump that often. */
const MIN_PAUSE_MS = 100

/** Milliseconds for each peer: so the messages of all are 3 times 100 a second, however many they are. */
const PAUSE_PER_PEER_MS = 10

/** Milliseconds; a sixth of the least life of a state. */
const MAX_PAUSE_MS = 5_000

/** Bytes of an entry besides its state. */
const ENTRY_BYTES = 32

/** Tellings in which a newcomer asks who is there: as many as the peers it then tells at once. */
const ASKS = 3

/**
 * Milliseconds between two times that our clock is raised over what others tell of us. Two programs
 * with one client id would else outdo each other without end.
 */
const RAISE_MS = 3_000

/** States known at a time. A runtime can name bogus ones: each costs memory and a place in messages. */
const MAX_STATES = 10_000

/** One from which a clock can still be raised for some centuries. */
const MAX_CLOCK = 2 ** 52

export interface AwarenessHooks {
  /** Some peers are to be told the states from that number on; `to`: that one alone. */
  tell(since: number, to?: string): void
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
  /** The first that nobody has been told. */
  #untold: number | undefined
  #timer: NodeJS.Timeout | undefined
  /** Milliseconds, of Date. */
  #toldAt = 0
  #asks = ASKS
  /** The clock under which others learn that our own client has gone; undefined: it has not. */
  #goneAt: number | undefined
  /** Milliseconds, of Date. */
  #raisedAt = Number.NEGATIVE_INFINITY
  #forgotAt = Number.NEGATIVE_INFINITY
  readonly #endWhole: () => void

  constructor(awareness: Awareness, hooks: AwarenessHooks) {
    this.#awareness = awareness
    this.#hooks = hooks
    for (const client of awareness.states.keys()) this.#numbers.set(client, this.#next++)
    this.#endWhole = emitToAll(awareness)
    awareness.on('update', this.#onUpdate)
    this.#untold = 1
    this.#tellSoon()
  }

  /**
   * Stops, and has others learn that our own client has gone. For ourselves it stays: whoever
   * watches the awareness here sees no change that the program did not make.
   */
  sayGoodbye(): void {
    const { clientID, meta, states } = this.#awareness
    const own = meta.get(clientID)
    if (own && states.has(clientID)) {
      this.#goneAt = own.clock + 1
      // When it comes back it is later than its own end.
      meta.set(clientID, { ...own, clock: own.clock + 2 })
      this.#note([clientID])
    }
    this.destroy()
  }

  /** Stops; what was changed last is told at once. */
  destroy(): void {
    this.#awareness.off('update', this.#onUpdate)
    this.#endWhole()
    clearTimeout(this.#timer)
    if (this.#untold !== undefined) this.#hooks.tell(this.#untold)
    this.#untold = undefined
  }

  encodeSince(number: number, bytes: number): Uint8Array | undefined {
    const now = Date.now()
    const entries: WrittenEntry[] = []
    let room = bytes
    // The newest first: what does not fit is told when it is renewed.
    for (const [client, last] of [...this.#numbers].reverse()) {
      if (last < number || entries.length >= MAX_AWARENESS_ENTRIES) break
      const entry = this.#entryOf(client, now)
      if (!entry) this.#numbers.delete(client)
      // Who has just come is not told of those who are gone.
      if (!entry || (number === 0 && entry.json === GONE)) continue
      // Written anew it may be longer than it came.
      if (entry.json.length > MAX_AWARENESS_STATE_LENGTH) continue
      room -= utf8.encode(entry.json).length + ENTRY_BYTES
      if (room < 0) break
      entries.push(entry)
    }
    const isQuery = this.#asks > 0
    if (entries.length === 0 && !isQuery) return undefined
    if (isQuery) this.#asks--
    return encodeAwareness({ isQuery, entries })
  }

  /** Takes what a peer tells; throws a Rejection, and when all is done what a listener threw. */
  receive(bytes: Uint8Array, from: string): void {
    const { isQuery, entries } = decodeAwareness(bytes)
    const { clientID, meta, states } = this.#awareness
    const life = lifeOf(states.size)
    const thrown: unknown[] = []
    const note = (error: unknown): void => void thrown.push(error)
    attempt(() => this.#raiseOver(entries), note)
    if (meta.size >= MAX_STATES) this.#forget()
    let places = MAX_STATES - meta.size
    const taken = entries.filter(
      ({ client, age }) =>
        // Of ourselves nobody else can tell.
        client !== clientID && age < life && (meta.has(client) || places-- > 0),
    )
    if (taken.length > 0) this.#asks = 0
    const before = new Map(taken.map(({ client }) => [client, meta.get(client)]))
    const update = encodeUpdate(
      taken.map(({ client, clock, state }) => ({ client, clock, json: JSON.stringify(state) })),
    )
    attempt(() => applyAwarenessUpdate(this.#awareness, update, this), note)
    const now = Date.now()
    for (const { client, age } of taken) {
      const applied = meta.get(client)
      // It is as old as it was on its way, so that what goes round and round ends.
      if (applied && applied !== before.get(client))
        meta.set(client, { clock: applied.clock, lastUpdated: now - age })
    }
    if (isQuery) this.#hooks.tell(0, from)
    if (thrown.length > 0) throw thrown[0]
  }

  /**
   * Others know a higher clock of ours, of an earlier life or by a lie: they would not take what we
   * tell. So we tell it with one that is higher.
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

  /** Makes place, where somebody else's awareness does not do so itself. */
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
    // One that we do not hear any more may be heard by others: they decide for themselves.
    const told = origin === 'timeout' ? [...added, ...updated] : [...added, ...updated, ...removed]
    if (origin === 'timeout') for (const client of removed) this.#numbers.delete(client)
    if (told.length === 0) return
    this.#note(told)
    this.#tellSoon()
  }

  /** Others are to be told of them. */
  #note(clients: readonly number[]): void {
    this.#untold ??= this.#next
    for (const client of clients) {
      // In order of its number: the newest is the last.
      this.#numbers.delete(client)
      this.#numbers.set(client, this.#next++)
    }
  }

  #tellSoon(): void {
    if (this.#timer) return
    const pause = Math.min(
      MAX_PAUSE_MS,
      Math.max(MIN_PAUSE_MS, this.#hooks.countPeers() * PAUSE_PER_PEER_MS),
    )
    const wait = Math.max(0, this.#toldAt + pause - Date.now())
    this.#timer = setTimeout(() => this.#tell(), wait).unref()
  }

  #tell(): void {
    this.#timer = undefined
    this.#toldAt = Date.now()
    const since = this.#untold
    this.#untold = undefined
    if (since !== undefined) this.#hooks.tell(since)
  }
}
