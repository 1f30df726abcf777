/**
 * What the workloads of one engine and size share: a seeded map, the messages that carry it, and
 * replicas that received them. Large replicas are expensive, so workloads that leave one unchanged
 * share it.
 *
 * ```ts
 * const base = new Base(engine, 100, 1)
 * base.createReceiver([base.old]).receive(base.whole)
 * ```
 */
import { Random } from '../../test/helpers/random.ts'
import type { Engine, EngineReplica, Entries, Entry, Message, Value } from '../engines/engine.ts'
import { createTime } from './time.ts'

const STATES = ['todo', 'claimed', 'running', 'blocked', 'done', 'failed']

/** About 60 bytes of JSON. */
const createValue = (random: Random): Value => ({
  owner: `agent-${random.int(10, 99)}`,
  state: random.pick(STATES),
  load: random.int(1, 99) / 100,
  at: random.int(1_000_000, 9_999_999),
})

/** Entries like those of a shared task list. */
export const createEntries = (count: number, random: Random): Entry[] =>
  Array.from({ length: count }, (_, index) => [
    `task:${String(index).padStart(5, '0')}`,
    createValue(random),
  ])

/** New values for `count` different keys of `entries`. */
export const overwrite = (entries: readonly Entry[], count: number, random: Random): Entry[] => {
  const keys = new Set<string>()
  while (keys.size < count) keys.add(random.pick(entries)[0])
  return [...keys].map((key) => [key, createValue(random)])
}

/** A replica that writes and one that receives, both with the whole state. */
export interface Peers {
  readonly peer: EngineReplica
  readonly receiver: EngineReplica
}

export interface Pair extends Peers {
  /** The first change, already received. It depends on the seed alone. */
  readonly first: Message
  /** Writes some keys at `peer` and returns the message. */
  readonly change: () => Message
  /** The map after all changes so far. */
  readonly expected: Entries
}

/** Share of the keys that a stale replica lacks. */
const MISSING = 0.1

/** As large as Yjs's random ids, which take five bytes. */
const WRITERS = { source: 3_000_000_001, receiver: 3_000_000_002, peer: 3_000_000_003 }

export class Base {
  readonly engine: Engine
  readonly entries: readonly Entry[]
  readonly whole: Message
  /** The state before the last tenth of the keys. */
  readonly old: Message
  readonly digest: Message | undefined
  readonly seed: number
  readonly #time = createTime()
  #synced: EngineReplica | undefined

  constructor(engine: Engine, keys: number, seed: number) {
    this.engine = engine
    this.seed = seed
    this.entries = createEntries(keys, new Random(seed))
    const source = engine.create(WRITERS.source, this.#time)
    const known = Math.round(keys * (1 - MISSING))
    source.set(this.entries.slice(0, known))
    this.old = source.encodeState()
    source.set(this.entries.slice(known))
    this.whole = source.encodeState()
    this.digest = source.encodeDigest?.()
    source.free?.()
  }

  /** An empty replica. Other writers than the receiver have an `index` of 2 or more. */
  create(index = 0): EngineReplica {
    return this.engine.create(WRITERS.receiver + index, this.#time)
  }

  createReceiver(messages: readonly Message[]): EngineReplica {
    const receiver = this.create()
    for (const message of messages) receiver.receive(message)
    return receiver
  }

  /** A shared replica with the whole state. Do not send it anything new. */
  get synced(): EngineReplica {
    this.#synced ??= this.createReceiver([this.whole])
    return this.#synced
  }

  createPeers(): Peers {
    const receiver = this.createReceiver([this.whole])
    const peer = this.engine.create(WRITERS.peer, this.#time)
    peer.receive(this.whole)
    return { peer, receiver }
  }

  /** Changes of `keys` keys each, the same ones for every engine. */
  createPair(keys: number): Pair {
    const random = new Random(this.seed + keys)
    const expected = new Map(this.entries)
    const { peer, receiver } = this.createPeers()
    const change = (): Message => {
      const written = overwrite(this.entries, keys, random)
      for (const [key, value] of written) expected.set(key, value)
      peer.set(written)
      return peer.takeChanges()
    }
    const first = change()
    receiver.receive(first)
    return { peer, receiver, first, change, expected }
  }

  free(): void {
    this.#synced?.free?.()
    this.#synced = undefined
  }
}
