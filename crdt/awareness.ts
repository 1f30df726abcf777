/**
 * Who is there and what they do right now (cursors, names): states that are gossiped and not
 * kept. They are y-protocols' awareness states, each with the age it has on its way: so one that
 * is passed on by many still ends when its time is over.
 *
 * ```js
 * const entries = [{ client: 7, clock: 3, age: 120, state: { name: 'Ada' } }]
 * const bytes = encodeAwareness({ isAsking: false, entries })
 * decodeAwareness(bytes)      // the same, or a Refusal
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { Refusal } from './refusal.ts'
import { checkValue } from './values.ts'

export interface AwarenessEntry {
  readonly client: number
  /** Grows with each state of that client. */
  readonly clock: number
  /** Milliseconds since the client made this state, as far as its way is known. */
  readonly age: number
  /** Null: it has gone. */
  readonly state: { readonly [key: string]: unknown } | null
}

export interface AwarenessMessage {
  /** Who says it knows nobody yet, and wants to be told who is there. */
  readonly isAsking: boolean
  readonly entries: readonly AwarenessEntry[]
}

/** Entries of one message. A swarm with more people in one room is told in several. */
export const AWARENESS_ENTRIES = 1_000

/** Characters of one state. A cursor and a name take 200; larger costs each peer that much, for each move. */
export const AWARENESS_STATE_LENGTH = 16_384

export const encodeAwareness = ({ isAsking, entries }: AwarenessMessage): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, isAsking ? 1 : 0)
    encoding.writeVarUint(encoder, entries.length)
    for (const { client, clock, age, state } of entries) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarUint(encoder, Math.max(0, Math.round(age)))
      encoding.writeVarString(encoder, JSON.stringify(state))
    }
  })

const readEntry = (decoder: decoding.Decoder): AwarenessEntry => {
  const client = decoding.readVarUint(decoder)
  const clock = decoding.readVarUint(decoder)
  const age = decoding.readVarUint(decoder)
  const text = decoding.readVarString(decoder)
  if (text.length > AWARENESS_STATE_LENGTH) {
    throw new Refusal('too_large', `awareness state of ${text.length} characters`)
  }
  const state: unknown = JSON.parse(text)
  if (typeof state !== 'object' || Array.isArray(state)) {
    throw new Refusal('malformed', `awareness state is ${text.slice(0, 60)}, not an object`)
  }
  checkValue(state)
  return { client, clock, age, state: state as AwarenessEntry['state'] }
}

/** Throws a Refusal for what is no list of states, or too much of it. */
export const decodeAwareness = (bytes: Uint8Array): AwarenessMessage => {
  try {
    const decoder = decoding.createDecoder(bytes)
    const isAsking = decoding.readVarUint(decoder) === 1
    const count = decoding.readVarUint(decoder)
    if (count > AWARENESS_ENTRIES) throw new Refusal('too_many', `${count} awareness states`)
    const entries = Array.from({ length: count }, () => readEntry(decoder))
    if (decoding.hasContent(decoder)) throw new Error('more bytes than states')
    return { isAsking, entries }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('malformed', `not awareness states: ${(error as Error).message}`, error)
  }
}
