/**
 * The workloads: what one replica writes, or receives from another. Each makes its messages and
 * receivers ahead, so that only that is timed, and knows the map that must come out.
 *
 * ```ts
 * const base = new Base(engine, 100, 1)
 * const scenario = WORKLOADS[0].prepare(base)
 * const stage = scenario.stage(3)
 * stage.run()       // three times
 * stage.check()     // throws where the map is wrong
 * ```
 */
import {
  bytesOf,
  type EngineReplica,
  freeAll,
  type Message,
  type Value,
} from '../engines/engine.ts'
import type { Base } from './base.ts'
import { checkAnswer } from './check.ts'
import { concurrent } from './concurrent.ts'
import { freshStage, MOST_FRESH } from './fresh.ts'
import type { Scenario, Workload } from './workload.ts'

/** Different messages to one receiver. */
const MOST_CHANGES = 200
/** The same message to one receiver. */
const MOST_REPEATS = 500

const checker = ({ engine, entries }: Base, name: string) => {
  const where = `${engine.name}, ${name}, ${entries.length} keys`
  return (map: ReadonlyMap<string, Value>, expected: ReadonlyMap<string, Value>) =>
    checkAnswer(map, expected, where)
}

/** A new replica for each merge, of which `merge` makes one with the whole map. */
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
      most: MOST_FRESH,
      stage(merges) {
        const replicas = Array.from({ length: merges }, () => create(base))
        return freshStage(
          replicas,
          (replica) => merge(base, replica),
          (map) => check(map, expected),
        )
      },
    }
  },
})

/** The whole state to a receiver that has got `before`. */
const wholeTo = (name: string, before: (base: Base) => Message[]): Workload =>
  fresh(
    name,
    (base) => base.createReceiver(before(base)),
    ({ whole }, replica) => replica.receive(whole),
  )

/** A message that says nothing new, to one receiver that has merged the whole state. */
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
      most: MOST_REPEATS,
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

/**
 * Messages of `keys` overwritten keys each, from a peer that has the same state; `each` of them are
 * one merge.
 */
const createChanges = (
  base: Base,
  name: string,
  keys: number,
  { each, most }: { readonly each: number; readonly most: number },
): Scenario => {
  const check = checker(base, name)
  const { first, peer, receiver, change, expected } = base.createPair(keys)
  return {
    messages: [first],
    most,
    stage: (merges) => ({
      run: receiveAll(receiver, Array.from({ length: each * merges }, change)),
      check: () => check(receiver.read(), expected),
    }),
    free: () => freeAll([peer, receiver]),
  }
}

const changesOf = (keys: number): Workload => {
  const name = `delta of ${keys} ${keys === 1 ? 'key' : 'keys'}`
  return {
    name,
    prepare: (base) => createChanges(base, name, keys, { each: 1, most: MOST_CHANGES }),
  }
}

/** Messages of one merge in the stream of changes: enough for the engine to be at its usual speed; a slow one takes seconds. */
const STREAM = 200

/** Microseconds: what is asked is the pace that lasts, and V8 needs a thousand messages to get there. */
const STREAM_WARM_UP_US = 200_000

/** Bytes. Who tells its whole state for each key would fill the memory with messages. */
const LONGEST_CHANGE = 4_096

/** One changed key after another, each in a message of its own, to one receiver. */
const stream: Workload = {
  name: `${STREAM} deltas of 1 key`,
  prepare(base) {
    const scenario = createChanges(base, this.name, 1, { each: STREAM, most: 1 })
    if (scenario.messages.every((message) => bytesOf(message) <= LONGEST_CHANGE))
      return { ...scenario, warmUpUs: STREAM_WARM_UP_US }
    scenario.free?.()
    return 'it tells its whole state for each key'
  },
}

/** Messages of `keys` deleted keys each. Before the next stage they are written again. */
const deletesOf = (keys: number): Workload => {
  const name = `delete of ${keys} keys`
  return {
    name,
    prepare(base) {
      const probe = base.create()
      probe.free?.()
      if (!probe.delete) return 'it knows no deletes'
      const check = checker(base, name)
      const { entries } = base
      const { peer, receiver } = base.createPeers()
      const expected = new Map(entries)
      let gone = 0
      const change = (): Message => {
        const taken = entries.slice(gone, gone + keys).map(([key]) => key)
        gone += keys
        for (const key of taken) expected.delete(key)
        peer.delete!(taken)
        return peer.takeChanges()
      }
      const restore = () => {
        if (gone === 0) return
        const back = entries.slice(0, gone)
        peer.set(back)
        receiver.receive(peer.takeChanges())
        for (const [key, value] of back) expected.set(key, value)
        gone = 0
      }
      const first = change()
      receiver.receive(first)
      return {
        messages: [first],
        most: Math.min(MOST_CHANGES, Math.floor(entries.length / keys)),
        stage(merges) {
          restore()
          return {
            run: receiveAll(receiver, Array.from({ length: merges }, change)),
            check: () => check(receiver.read(), expected),
          }
        },
        free: () => freeAll([peer, receiver]),
      }
    },
  }
}

/** Keys of one delta. A map needs as many. */
const DELTAS = [1, 10, 100]

export const LEAST_KEYS: number = Math.max(...DELTAS)

export const WORKLOADS: readonly Workload[] = [
  fresh(
    'building',
    (base) => base.create(),
    ({ entries }, replica) => replica.set(entries),
  ),
  wholeTo('whole into empty', () => []),
  wholeTo('whole into stale', ({ old }) => [old]),
  // As if its keys had come by other messages: this very one is not known yet.
  nothingNew('whole into equal', ({ whole }) => whole, true),
  // What an engine puts off until its map is read is in it.
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
  // Who has no digest can only send the whole state again.
  nothingNew('nothing new, shortest', ({ whole, digest }) => digest ?? whole),
]
