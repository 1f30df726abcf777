/**
 * Concurrent writers: each writes its share of a map without knowing the others' writes, and all of
 * them write the same few keys.
 *
 * An engine may choose the value of a contested key, but it must be one that was written, and the
 * same in whatever order the messages come. An engine that does not promise that may lose writes,
 * which are counted.
 */
import { isDeepStrictEqual } from 'node:util'
import { Random } from '../../test/helpers/random.ts'
import type { Entries, Entry, Message, Value } from '../engines/engine.ts'
import { checkAnswer } from './answer.ts'
import { type Base, createEntries } from './base.ts'

const WRITERS = 50

export const CONCURRENT = `${WRITERS} concurrent writers`

/** Keys that all of them write. */
const CONTESTED = 10

/** Far from the receiver's id and from one another. */
const FIRST_WRITER = 1_000

export interface Written {
  readonly messages: readonly Message[]
  /** All values that were written to each key. */
  readonly values: ReadonlyMap<string, readonly Value[]>
}

export const writeConcurrently = (base: Base): Written => {
  const random = new Random(base.seed)
  const values = new Map<string, Value[]>()
  const messages = Array.from({ length: WRITERS }, (_, index) => {
    const share = base.entries.filter((_, entry) => entry % WRITERS === index)
    const contested = createEntries(CONTESTED, random)
    const own = [...share, ...contested.map(([key, value]): Entry => [`contested:${key}`, value])]
    for (const [key, value] of own) values.set(key, [...(values.get(key) ?? []), value])
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

/** What a replica merges the messages to, and how many keys have none of the values written to them. */
export const checkConcurrent = (
  base: Base,
  { messages, values }: Written,
  where: string,
): { readonly merged: Entries; readonly lost: number } => {
  const merged = read(base, messages)
  const expected = new Map<string, Value>()
  let lost = 0
  for (const [key, tried] of values) {
    const value = merged.get(key)
    const isWritten = tried.some((one) => isDeepStrictEqual(one, value))
    if (!isWritten) lost++
    expected.set(key, isWritten ? value! : tried[0]!)
  }
  if (base.engine.converges) {
    checkAnswer(merged, expected, where)
    checkAnswer(read(base, [...messages].reverse()), expected, `${where}, in another order`)
  }
  return { merged, lost }
}
