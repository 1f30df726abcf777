/**
 * An Awareness for a swarm. y-protocols renews a state every 15 seconds and drops it after 30, which
 * is too often for a swarm of thousands: here both times grow with the number of states. Its timer
 * does not keep the process alive, and its clock starts above that of an earlier run of the client.
 *
 * ```ts
 * const awareness = new SwarmAwareness(doc)
 * awareness.setLocalStateField('user', { name: 'Ada' })
 * ```
 */
import { Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { yjsInner } from '../../../crdt/index.ts'
import { attempt, warnOfThrown } from '../../listeners.ts'
import { emitToAll } from './safe-events.ts'

/** Milliseconds after which a state that was not renewed expires, as in y-protocols. */
const MIN_LIFE_MS = 30_000

/** Milliseconds of life for each state: then an agent passes on at most 13 states a second. */
const LIFE_PER_STATE_MS = 150

/** Milliseconds between two checks. A state expires late by this much at most. */
const LOOK_MS = 3_000

/**
 * A client that has left is forgotten after this many lives of a state. Until then its clock is
 * kept, so that a state of it which is still in transit does not bring it back.
 */
const LIVES_KEPT = 2

/** Milliseconds after which one of so many states expires unless it is renewed. */
export const lifeOf = (states: number): number => Math.max(MIN_LIFE_MS, states * LIFE_PER_STATE_MS)

/** Forgets the clocks of clients that left long ago: each start of a program makes a new client. */
export const forgetGone = ({ clientID, meta, states }: Awareness): void => {
  const until = Date.now() - LIVES_KEPT * lifeOf(states.size)
  for (const [client, { lastUpdated }] of meta)
    if (client !== clientID && !states.has(client) && lastUpdated <= until) meta.delete(client)
}

export class SwarmAwareness extends Awareness {
  readonly #stopListening: () => void

  /** `onThrown` is called with what a listener throws during a timer, which has no caller. */
  constructor(doc: Y.Doc, onThrown: (error: unknown) => void = warnOfThrown) {
    // y-protocols never removes its listener from the document: here it can be removed.
    let stop = (): void => undefined
    const on = (...[event, listener]: Parameters<Y.Doc['on']>): void => {
      doc.on(event, listener)
      stop = () => doc.off(event, listener)
    }
    super(Object.create(doc, { on: { value: on } }))
    this.doc = doc
    this.#stopListening = stop
    emitToAll(this)
    // Peers merge a state only if its clock is above the last one, also of an earlier run.
    const now = Date.now()
    this.meta.set(this.clientID, { clock: now, lastUpdated: now })
    clearInterval(this._checkInterval)
    // y-protocols' `destroy` clears it under this name.
    this._checkInterval = setInterval(() => this.#look(onThrown), LOOK_MS).unref()
  }

  override destroy(): void {
    try {
      super.destroy()
    } finally {
      // If a listener throws, y-protocols does not get this far.
      yjsInner.removeListeners(this)
      clearInterval(this._checkInterval)
      this.#stopListening()
    }
  }

  #look(onThrown: (error: unknown) => void): void {
    const now = Date.now()
    const life = lifeOf(this.states.size)
    const own = this.meta.get(this.clientID)
    if (this.states.has(this.clientID) && own && now - own.lastUpdated >= life / 2) {
      this.meta.set(this.clientID, { clock: own.clock + 1, lastUpdated: now })
      const renewed = { added: [], updated: [this.clientID], removed: [] }
      attempt(() => this.emit('update', [renewed, 'local']), onThrown)
    }
    const gone = [...this.states.keys()].filter(
      (client) =>
        client !== this.clientID && now - (this.meta.get(client)?.lastUpdated ?? 0) >= life,
    )
    if (gone.length > 0) attempt(() => removeAwarenessStates(this, gone, 'timeout'), onThrown)
    forgetGone(this)
  }
}
