/**
 * What the tests with others' programs ask of a swarm: are all documents the same, and has
 * everything come to rest?
 *
 * ```ts
 * const via = new CountingTransport(hub, 'a')
 * await until('all agree', () => areSame(docs))
 * await comeToRest('the swarm', () => via.sent)
 * ```
 */
import * as Y from 'yjs'
import { decodePush } from '../../crdt/index.ts'
import type { GossipConfig } from '../../src/gossip/index.ts'
import { MemoryTransport } from '../../src/transports/memory/memory.ts'

/** The swarm of providers that name none. */
export const SWARM = 'pilot-gossip'

/** No rounds: whatever is sent is sent because something has changed, so it must end. */
export const NO_ROUNDS: Partial<GossipConfig> = { intervalMs: 600_000 }

/**
 * Milliseconds without anything sent that count as rest: twice the longest pause that we make
 * (500 until a peer is asked whether it has a change), so that an echo cannot hide in one.
 */
const REST_MS = 1_000

/** Milliseconds that it may take until rest comes; an echo never rests. */
const PATIENCE_MS = 20_000

/** Counts what it sends. */
export class CountingTransport extends MemoryTransport {
  /** Messages. */
  sent = 0
  /** Digests of the updates in them: one that is repeated, in case it was lost, counts once. */
  readonly updates = new Set<string>()

  override send(to: string, text: string): Promise<void> {
    this.sent++
    for (const { update } of decodePush(text, SWARM).state.values())
      if (update) this.updates.add(update.digest)
    return super.send(to, text)
  }
}

/** Same structs and deletes, and nothing that waits for others. */
export const areSame = (docs: readonly Y.Doc[]): boolean => {
  const [first, ...others] = docs.map((doc) => Y.snapshot(doc))
  return (
    docs.every(({ store }) => store.pendingStructs === null && store.pendingDs === null) &&
    others.every((other) => Y.equalSnapshots(first!, other))
  )
}

/** Resolves when the number has not changed for a second; rejects when it always does. */
export const comeToRest = async (what: string, count: () => number): Promise<void> => {
  const end = performance.now() + PATIENCE_MS
  let last = count()
  let since = performance.now()
  while (performance.now() - since < REST_MS) {
    if (performance.now() > end) throw new Error(`${what} does not come to rest: ${last} so far`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (count() === last) continue
    last = count()
    since = performance.now()
  }
}
