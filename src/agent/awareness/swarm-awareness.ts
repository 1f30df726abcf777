/**
 * An Awareness that fits a swarm. y-protocols renews a state each 15 seconds and drops it after
 * 30, which a swarm of thousands cannot carry; here both grow with the number of those who are
 * there. Its timer keeps no process alive, and its clock goes on where an earlier life of the same
 * client stopped.
 *
 * ```ts
 * const awareness = new SwarmAwareness(doc)
 * awareness.setLocalStateField('user', { name: 'Ada' })
 * ```
 */
import { Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { attempt, warnOfThrown } from '../../listeners.ts'
import { emitToAll } from './safe-events.ts'

/** Milliseconds after which a state that was not renewed is gone: y-protocols' own. */
const MIN_LIFE_MS = 30_000

/** Milliseconds of life for each that is there: each node then passes on 13 states a second at most. */
const LIFE_PER_STATE_MS = 150

/** Milliseconds between two looks. A state lives longer by as much at most. */
const LOOK_MS = 3_000

/**
 * Times its life after which a client that has gone is forgotten. Until then its clock is known,
 * so that a state of it that is still on its way does not bring it back.
 */
const LIVES_KEPT = 2

/** Milliseconds for which a state of so many lives without being renewed. */
export const lifeOf = (states: number): number => Math.max(MIN_LIFE_MS, states * LIFE_PER_STATE_MS)

/** Forgets the clocks of those that went long ago: clients come anew with each start of a program. */
export const forgetGone = ({ clientID, meta, states }: Awareness): void => {
  const until = Date.now() - LIVES_KEPT * lifeOf(states.size)
  for (const [client, { lastUpdated }] of meta)
    if (client !== clientID && !states.has(client) && lastUpdated <= until) meta.delete(client)
}

export class SwarmAwareness extends Awareness {
  readonly #stopListening: () => void

  /** `onThrown` is told of what listeners throw where no caller is there to be thrown at. */
  constructor(doc: Y.Doc, onThrown: (error: unknown) => void = warnOfThrown) {
    // y-protocols listens to the document and never stops: here its listener can be taken back.
    let stop = (): void => undefined
    const on = (...[event, listener]: Parameters<Y.Doc['on']>): void => {
      doc.on(event, listener)
      stop = () => doc.off(event, listener)
    }
    super(Object.create(doc, { on: { value: on } }))
    this.doc = doc
    this.#stopListening = stop
    emitToAll(this)
    // Peers take a state only where its clock is higher than the last they saw, of an earlier life too.
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
      // A listener that throws keeps y-protocols from coming so far.
      this._observers.clear()
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
