/**
 * The workloads of merging. Each prepares its messages and receivers, so that only the merge is
 * timed, and knows the map that must come out.
 *
 * ```ts
 * const scenario = WORKLOADS[0].prepare(new Base(engine, 100, 1))
 * if (typeof scenario === 'string') throw new Error(scenario) // why it cannot run
 * const stage = scenario.stage(3)
 * stage.run()       // three merges
 * stage.check()     // throws if the map is wrong
 * ```
 */
import {
  bytesOf,
  type EngineReplica,
  type Entries,
  freeAll,
  type Message,
} from '../engines/engine.ts'
import { checkAnswer } from './answer.ts'
import type { Base } from './base.ts'
import { CONCURRENT, checkConcurrent, writeConcurrently } from './concurrent.ts'

/** Prepared merges that are timed together. */
export interface Stage {
  run(): void
  /** Throws a Failure (internal) if a receiver has a wrong map. */
  check(): void
  free?(): void
}

export interface Scenario {
  /** What the first merge receives: the bytes of the cell. */
  readonly messages: readonly Message[]
  /** Merges that one stage may hold: preparing them takes time and memory. */
  readonly maxMerges: number
  /** Keys whose write is lost in each merge, if writers are concurrent. */
  readonly lost?: number
  /** Microseconds of warm-up, if it differs from the default. */
  readonly warmUpUs?: number
  stage(merges: number): Stage
  /** Frees what its stages share. */
  free?(): void
}

export interface Workload {
  readonly name: string
  /** Returns a text, the reason, if the engine cannot take part. */
  prepare(base: Base): Scenario | string
}

/** Merges of a stage by what they need: a new replica each, different messages, or the same message. */
const MAX_FRESH = 10
const MAX_CHANGES = 200
const MAX_REPEATS = 500

const checker = ({ engine, entries }: Base, name: string) => {
  const where = `${engine.name}, ${name}, ${entries.length} keys`
  return (map: Entries, expected: Entries) => checkAnswer(map, expected, where)
}

/** Each merge has a replica of its own: no merge may help the next one. */
const freshStage = (
  replicas: readonly EngineReplica[],
  merge: (replica: EngineReplica) => unknown,
  check: (map: Entries) => void,
): Stage => ({
  run: () => {
    for (const replica of replicas) merge(replica)
  },
  check: () => {
    for (const replica of replicas) check(replica.read())
  },
  free: () => freeAll(replicas),
})

/** `merge` leaves each new replica with the whole map. */
const fresh = (
  name: string,
  create: (base: Base) => EngineReplica,
  merge: (base: Base, replica: EngineReplica) => unknown,
): Workload => ({
  name,
  prepare(base) {
    const check = checker(base, name)
    const expected = new Map(base.entries)
    return {
      messages: [base.whole],
      maxMerges: MAX_FRESH,
      stage: (merges) =>
        freshStage(
          Array.from({ length: merges }, () => create(base)),
          (replica) => merge(base, replica),
          (map) => check(map, expected),
        ),
    }
  },
})

/** The whole state, to a receiver that received `before`. */
const wholeTo = (name: string, before: (base: Base) => Message[]): Workload =>
  fresh(
    name,
    (base) => base.createReceiver(before(base)),
    ({ whole }, replica) => replica.receive(whole),
  )

/** A message with nothing new, to a receiver with the whole state. */
const nothingNew = (
  name: string,
  messageOf: (base: Base) => Message,
  isForgotten = false,
): Workload => ({
  name,
  prepare(base) {
    const check = checker(base, name)
    const expected = new Map(base.entries)
    const message = messageOf(base)
    const receiver = base.synced
    return {
      messages: [message],
      maxMerges: MAX_REPEATS,
      stage: (merges) => ({
        run: () => {
          for (let i = 0; i < merges; i++) {
            if (isForgotten) receiver.forget?.()
            receiver.receive(message)
          }
        },
        check: () => check(receiver.read(), expected),
      }),
    }
  },
})

const receiveAll = (receiver: EngineReplica, messages: readonly Message[]) => () => {
  for (const message of messages) receiver.receive(message)
}

/** Messages of `keys` overwritten keys, from a peer with the same state; `each` of them are one merge. */
const createChanges = (
  base: Base,
  name: string,
  keys: number,
  each: number,
  maxMerges: number,
): Scenario => {
  const check = checker(base, name)
  const { first, peer, receiver, change, expected } = base.createPair(keys)
  return {
    messages: [first],
    maxMerges,
    stage: (merges) => ({
      run: receiveAll(receiver, Array.from({ length: each * merges }, change)),
      check: () => check(receiver.read(), expected),
    }),
    free: () => freeAll([peer, receiver]),
  }
}

const changesOf = (keys: number): Workload => {
  const name = `delta of ${keys} ${keys === 1 ? 'key' : 'keys'}`
  return { name, prepare: (base) => createChanges(base, name, keys, 1, MAX_CHANGES) }
}

/** Messages of one merge of the stream. More: a slow engine takes seconds. */
const STREAM = 200

/** Microseconds: the sustained pace is measured, which V8 reaches after a thousand messages. */
const STREAM_WARM_UP_US = 200_000

/** Bytes. The whole state for each key would fill the memory with messages. */
const MAX_CHANGE_BYTES = 4_096

/** One changed key after another, each in its own message, to one receiver. */
const stream: Workload = {
  name: `${STREAM} deltas of 1 key`,
  prepare(base) {
    const scenario = createChanges(base, this.name, 1, STREAM, 1)
    if (scenario.messages.every((message) => bytesOf(message) <= MAX_CHANGE_BYTES))
      return { ...scenario, warmUpUs: STREAM_WARM_UP_US }
    scenario.free?.()
    return 'it sends its whole state for each key'
  },
}

/** Messages of `keys` deleted keys. The next stage first writes them again. */
const deletesOf = (keys: number): Workload => {
  const name = `delete of ${keys} keys`
  return {
    name,
    prepare(base) {
      const { entries } = base
      const { peer, receiver } = base.createPeers()
      const free = () => freeAll([peer, receiver])
      if (!peer.delete) {
        free()
        return 'it has no deletes'
      }
      const check = checker(base, name)
      const expected = new Map(entries)
      let deleted = 0
      const change = (): Message => {
        const taken = entries.slice(deleted, deleted + keys).map(([key]) => key)
        deleted += keys
        for (const key of taken) expected.delete(key)
        peer.delete!(taken)
        return peer.takeChanges()
      }
      const restore = () => {
        if (deleted === 0) return
        const back = entries.slice(0, deleted)
        peer.set(back)
        receiver.receive(peer.takeChanges())
        for (const [key, value] of back) expected.set(key, value)
        deleted = 0
      }
      const first = change()
      receiver.receive(first)
      return {
        messages: [first],
        maxMerges: Math.min(MAX_CHANGES, Math.floor(entries.length / keys)),
        stage(merges) {
          restore()
          return {
            run: receiveAll(receiver, Array.from({ length: merges }, change)),
            check: () => check(receiver.read(), expected),
          }
        },
        free,
      }
    },
  }
}

/** One replica merges the messages of concurrent writers. */
const concurrent: Workload = {
  name: CONCURRENT,
  prepare(base) {
    const { engine, entries } = base
    if (engine.isElapsed) return 'several processes for each message: a minute a row'
    const where = `${engine.name}, ${CONCURRENT}, ${entries.length} keys`
    const written = writeConcurrently(base)
    const { merged, lost } = checkConcurrent(base, written, where)
    return {
      messages: written.messages,
      maxMerges: MAX_FRESH,
      lost,
      stage: (merges) =>
        freshStage(
          Array.from({ length: merges }, () => base.create()),
          (replica) => receiveAll(replica, written.messages)(),
          (map) => checkAnswer(map, merged, where),
        ),
    }
  },
}

/** Keys of one delta. A map needs at least as many. */
const DELTAS = [1, 10, 100]

export const MIN_KEYS: number = Math.max(...DELTAS)

export const WORKLOADS: readonly Workload[] = [
  fresh(
    'building',
    (base) => base.create(),
    ({ entries }, replica) => replica.set(entries),
  ),
  wholeTo('whole into empty', () => []),
  wholeTo('whole into stale', ({ old }) => [old]),
  // As if its keys had come in other messages: the receiver does not know this one yet.
  nothingNew('whole into equal', ({ whole }) => whole, true),
  // Includes what an engine defers until its map is read.
  fresh(
    'loading, and reading it all',
    (base) => base.create(),
    ({ whole }, replica) => {
      replica.receive(whole)
      replica.read()
    },
  ),
  ...DELTAS.map(changesOf),
  stream,
  deletesOf(10),
  concurrent,
  nothingNew('same whole again', ({ whole }) => whole),
  // An engine without a digest has to send the whole state again.
  nothingNew('nothing new, shortest', ({ whole, digest }) => digest ?? whole),
]
