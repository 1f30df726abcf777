/**
 * The workloads: what one replica receives from another. Each makes its messages and receivers
 * ahead, so that only receiving is timed, and knows the map that must come out.
 *
 * ```ts
 * const base = new Base(engine, 100, 1)
 * const scenario = WORKLOADS[0].prepare(base)
 * const stage = scenario.stage(3)
 * stage.run()       // three merges
 * stage.check()     // throws where the map is wrong
 * ```
 */
import type { Base } from './base.ts'
import { checkAnswer } from './check.ts'
import type { EngineReplica, Message, Value } from './engine.ts'

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

export interface Workload {
  readonly name: string
  prepare(base: Base): Scenario
}

/** Receivers made anew for each merge. */
const MOST_FRESH = 10
/** Different messages to one receiver. */
const MOST_CHANGES = 200
/** The same message to one receiver. */
const MOST_REPEATS = 500

const checker = ({ engine, entries }: Base, name: string) => {
  const where = `${engine.name}, ${name}, ${entries.length} keys`
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
        const receivers = Array.from({ length: merges }, () => base.createReceiver(before(base)))
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
      message,
      most: MOST_REPEATS,
      stage: (merges) => ({
        run: () => {
          for (let i = 0; i < merges; i++) {
            if (isForgotten) receiver.forget?.()
            receiver.receive(message)
          }
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
      const { first, receiver, change, expected } = base.createPair(keys)
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
  // As if its keys had come by other messages: this very one is not known yet.
  nothingNew('whole into equal', ({ whole }) => whole, true),
  ...DELTAS.map(changesOf),
  nothingNew('same whole again', ({ whole }) => whole),
  // Who has no digest can only send the whole state again.
  nothingNew('nothing new, shortest', ({ whole, digest }) => digest ?? whole),
]
