/**
 * The workloads: what one replica receives from another. Each makes its messages and receivers
 * ahead, so that only receiving is timed, and knows the map that must come out.
 *
 * ```ts
 * const base = createBase(engine, 100, 1)
 * const scenario = WORKLOADS[0].prepare(base)
 * const stage = scenario.stage(3)
 * stage.run()       // three merges
 * stage.check()     // throws where the map is wrong
 * ```
 */
import { Random } from '../test/helpers/random.ts'
import { checkAnswer } from './check.ts'
import type { Engine, EngineReplica, Entry, Message, Value } from './engine.ts'
import { createEntries, overwrite } from './entries.ts'

/** Merges that are ready to be timed together. */
export interface Stage {
  run(): void
  /** Throws a Failure when a receiver has another map than it must. */
  check(): void
}

export interface Scenario {
  /** The first message: its bytes are those of the cell. */
  readonly message: Message
  /** Merges that one stage may hold, for preparing them costs time and memory. */
  readonly most: number
  stage(merges: number): Stage
}

/** What the workloads of one engine and size have in common. */
export interface Base {
  readonly engine: Engine
  readonly seed: number
  readonly entries: readonly Entry[]
  /** The whole state, that before the last tenth of the keys, and the change from this to that. */
  readonly whole: Message
  readonly old: Message
  readonly rest: Message
  readonly digest: Message | undefined
}

export interface Workload {
  readonly name: string
  prepare(base: Base): Scenario
}

/** Share of the keys that a stale replica lacks. */
const MISSING = 0.1

/** Writers have ids as large as Yjs's random ones, which take five bytes. */
const writerOf = (index: number): number => 3_000_000_000 + index

const [SOURCE, RECEIVER, PEER] = [1, 2, 3].map(writerOf) as [number, number, number]

/** Receivers made anew for each merge. */
const MOST_FRESH = 10
/** Different messages to one receiver. */
const MOST_CHANGES = 50
/** The same message to one receiver. */
const MOST_REPEATS = 500

export const createBase = (engine: Engine, keys: number, seed: number): Base => {
  const entries = createEntries(keys, new Random(seed))
  const source = engine.create(SOURCE)
  const known = Math.round(keys * (1 - MISSING))
  source.set(entries.slice(0, known))
  source.takeChanges()
  const old = source.encodeState()
  source.set(entries.slice(known))
  const rest = source.takeChanges()
  const whole = source.encodeState()
  return { engine, seed, entries, whole, old, rest, digest: source.encodeDigest?.() }
}

const receiverOf = ({ engine }: Base, messages: readonly Message[]): EngineReplica => {
  const replica = engine.create(RECEIVER)
  for (const message of messages) replica.receive(message)
  return replica
}

const checker = (base: Base, name: string) => {
  const where = `${base.engine.name}, ${name}, ${base.entries.length} keys`
  return (replica: EngineReplica, expected: ReadonlyMap<string, Value>) =>
    checkAnswer(replica.read(), expected, where)
}

/** The whole state to a receiver that has got `before`, a new one for each merge. */
const wholeTo = (name: string, before: (base: Base) => Message[]): Workload => ({
  name,
  prepare(base) {
    const check = checker(base, name)
    const expected = new Map(base.entries)
    return {
      message: base.whole,
      most: MOST_FRESH,
      stage(merges) {
        const receivers = Array.from({ length: merges }, () => receiverOf(base, before(base)))
        return {
          run: () => {
            for (const receiver of receivers) receiver.receive(base.whole)
          },
          check: () => {
            for (const receiver of receivers) check(receiver, expected)
          },
        }
      },
    }
  },
})

/** A message that says nothing new, to one receiver that has merged the whole state. */
const nothingNew = (name: string, messageOf: (base: Base) => Message): Workload => ({
  name,
  prepare(base) {
    const check = checker(base, name)
    const expected = new Map(base.entries)
    const message = messageOf(base)
    const receiver = receiverOf(base, [base.whole])
    return {
      message,
      most: MOST_REPEATS,
      stage: (merges) => ({
        run: () => {
          for (let i = 0; i < merges; i++) receiver.receive(message)
        },
        check: () => check(receiver, expected),
      }),
    }
  },
})

/** Messages of `keys` overwritten keys each, from a peer that has the same state. */
const changesOf = (keys: number): Workload => {
  const name = `delta of ${keys} ${keys === 1 ? 'key' : 'keys'}`
  return {
    name,
    prepare(base) {
      const check = checker(base, name)
      const random = new Random(base.seed + keys)
      const expected = new Map(base.entries)
      const receiver = receiverOf(base, [base.whole])
      const peer = base.engine.create(PEER)
      peer.receive(base.whole)
      const change = (): Message => {
        const entries = overwrite(base.entries, keys, random)
        for (const [key, value] of entries) expected.set(key, value)
        peer.set(entries)
        return peer.takeChanges()
      }
      const first = change()
      receiver.receive(first)
      return {
        message: first,
        most: MOST_CHANGES,
        stage(merges) {
          const messages = Array.from({ length: merges }, change)
          return {
            run: () => {
              for (const message of messages) receiver.receive(message)
            },
            check: () => check(receiver, expected),
          }
        },
      }
    },
  }
}

/** Keys of one delta. A map needs as many. */
const DELTAS = [1, 10, 100]

export const LEAST_KEYS: number = Math.max(...DELTAS)

export const WORKLOADS: readonly Workload[] = [
  wholeTo('whole into empty', () => []),
  wholeTo('whole into stale', ({ old }) => [old]),
  // By other messages: who has merged this very message may know it by its digest.
  wholeTo('whole into equal', ({ old, rest }) => [old, rest]),
  ...DELTAS.map(changesOf),
  nothingNew('same whole again', ({ whole }) => whole),
  // Who has no digest can only send the whole state again.
  nothingNew('nothing new, shortest', ({ whole, digest }) => digest ?? whole),
]
