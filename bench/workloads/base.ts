/**
 * What the workloads of one engine and size have in common: a map, the messages that tell it, and
 * replicas that have got them. Replicas of large maps are dear, so they are shared where a
 * workload leaves them as they were.
 *
 * ```ts
 * const base = new Base(engine, 100, 1)
 * base.createReceiver([base.old]).receive(base.whole)
 * ```
 */
import { Random } from '../../test/helpers/random.ts'
import {
  type Engine,
  type EngineReplica,
  type Entry,
  freeAll,
  type Message,
  type Value,
} from '../engines/engine.ts'
import { createEntries, overwrite } from './entries.ts'
import { createTime } from './time.ts'

/** A replica that writes and one that receives; both have the same state. */
export interface Peers {
  readonly peer: EngineReplica
  readonly receiver: EngineReplica
}

/** Peers of which one changes keys. */
export interface Pair extends Peers {
  /** The first change, which the receiver has got. It depends on the seed alone. */
  readonly first: Message
  /** Writes some keys and tells them. */
  readonly change: () => Message
  /** The map after all changes so far. */
  readonly expected: ReadonlyMap<string, Value>
}

/** Share of the keys that a stale replica lacks. */
const MISSING = 0.1

/** As large as Yjs's random ones, which take five bytes. */
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

  /** An empty replica of a writer whose id is `index` behind the receiver's: at least 2, where it is not the receiver. */
  create(index = 0): EngineReplica {
    return this.engine.create(WRITERS.receiver + index, this.#time)
  }

  /** A new replica that has got `messages`. */
  createReceiver(messages: readonly Message[]): EngineReplica {
    const receiver = this.create()
    for (const message of messages) receiver.receive(message)
    return receiver
  }

  /** One that has got the whole state: not to be told anything new. */
  get synced(): EngineReplica {
    this.#synced ??= this.createReceiver([this.whole])
    return this.#synced
  }

  /** A writer and a receiver that have got the whole state. */
  createPeers(): Peers {
    const receiver = this.createReceiver([this.whole])
    const peer = this.engine.create(WRITERS.peer, this.#time)
    peer.receive(this.whole)
    return { peer, receiver }
  }

  /** Changes of `keys` keys each; the same ones for every engine. */
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

  /** Gives back the memory of what is shared. */
  free(): void {
    if (this.#synced) freeAll([this.#synced])
    this.#synced = undefined
  }
}
