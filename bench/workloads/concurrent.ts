/**
 * Writers that know nothing of each other: each writes its share of a map, and all of them also
 * write the same few keys. One replica then merges what they tell.
 *
 * Which value a contested key ends with is the engine's affair, but it must be one that was
 * written, and the same in whatever order the messages come. An engine that does not promise
 * that may lose writes, and these are counted.
 */
import { isDeepStrictEqual } from 'node:util'
import { Random } from '../../test/helpers/random.ts'
import type { EngineReplica, Entry, Message, Value } from '../engines/engine.ts'
import type { Base } from './base.ts'
import { checkAnswer } from './check.ts'
import { createEntries } from './entries.ts'
import { freshStage, MOST_FRESH } from './fresh.ts'
import type { Workload } from './workload.ts'

const WRITERS = 50

/** Keys that all of them write. */
const CONTESTED = 10

/** Far from the receiver's and from one another. */
const FIRST_WRITER = 1_000

type Entries = ReadonlyMap<string, Value>

interface Written {
  readonly messages: readonly Message[]
  /** Each key with all values that were written to it. */
  readonly values: ReadonlyMap<string, readonly Value[]>
}

/** The contested keys as one writer wants them. */
const contestedOf = (random: Random): Entry[] =>
  createEntries(CONTESTED, random).map(([key, value]): Entry => [`contested:${key}`, value])

const write = (base: Base): Written => {
  const random = new Random(base.seed)
  const values = new Map<string, Value[]>()
  const messages = Array.from({ length: WRITERS }, (_, index) => {
    const share = base.entries.filter((_, entry) => entry % WRITERS === index)
    const own = [...share, ...contestedOf(random)]
    for (const [key, value] of own) {
      const others = values.get(key)
      if (others) others.push(value)
      else values.set(key, [value])
    }
    const writer = base.create(FIRST_WRITER + index)
    writer.set(own)
    const message = writer.takeChanges()
    writer.free?.()
    return message
  })
  return { messages, values }
}

const read = (base: Base, messages: readonly Message[]): Entries => {
  const replica = base.createReceiver(messages)
  const map = new Map(replica.read())
  replica.free?.()
  return map
}

/**
 * The map that must come out, where of a contested key each value that was written is as good;
 * and how many keys of `merged` have none of those.
 */
const judge = ({ values }: Written, merged: Entries): { expected: Entries; lost: number } => {
  const expected = new Map<string, Value>()
  let lost = 0
  for (const [key, tried] of values) {
    const value = merged.get(key)
    const isWritten = tried.some((one) => isDeepStrictEqual(one, value))
    if (!isWritten) lost++
    expected.set(key, isWritten ? value! : tried[0]!)
  }
  return { expected, lost }
}

export const concurrent: Workload = {
  name: `${WRITERS} concurrent writers`,
  prepare(base) {
    const { engine, entries } = base
    if (engine.isElapsed) return `${WRITERS} messages, several processes for each: a minute a row`
    const where = `${engine.name}, ${concurrent.name}, ${entries.length} keys`
    const written = write(base)
    const { messages } = written
    const merged = read(base, messages)
    const { expected, lost } = judge(written, merged)
    if (engine.converges) {
      checkAnswer(merged, expected, where)
      checkAnswer(read(base, [...messages].reverse()), expected, `${where}, in another order`)
    }
    return {
      messages,
      most: MOST_FRESH,
      lost,
      stage(merges) {
        const replicas = Array.from({ length: merges }, () => base.create())
        const merge = (replica: EngineReplica) => {
          for (const message of messages) replica.receive(message)
        }
        return freshStage(replicas, merge, (map) => checkAnswer(map, merged, where))
      },
    }
  },
}
