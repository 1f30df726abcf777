/**
 * Awareness (cursors, names): states that are gossiped but not stored. They are those of
 * y-protocols, each with its age, so that a state that many peers pass on still ends in time.
 *
 * ```js
 * const entries = [{ client: 7, clock: 3, age: 120, state: { name: 'Ada' } }]
 * const bytes = encodeAwareness({ isQuery: false, entries })
 * decodeAwareness(bytes)      // the same, or a Rejection
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import { type AwarenessState, readState } from './awareness-state.ts'
import { Rejection } from './rejection.ts'

export interface AwarenessEntry {
  readonly client: number
  /** Grows with each state of that client. */
  readonly clock: number
  /** Milliseconds since the client made this state, as far as its way is known. */
  readonly age: number
  /** Null: the client has gone. */
  readonly state: AwarenessState
}

/** An entry whose state is JSON already. */
export interface WrittenEntry extends Omit<AwarenessEntry, 'state'> {
  readonly json: string
}

export interface AwarenessMessage {
  /** Does the sender know no states yet, and ask for all? */
  readonly isQuery: boolean
  readonly entries: readonly AwarenessEntry[]
}

/** Entries of one message. A room with more people takes several messages. */
export const MAX_AWARENESS_ENTRIES = 1_000

export const encodeAwareness = ({
  isQuery,
  entries,
}: {
  readonly isQuery: boolean
  readonly entries: readonly (AwarenessEntry | WrittenEntry)[]
}): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, isQuery ? 1 : 0)
    encoding.writeVarUint(encoder, entries.length)
    for (const entry of entries) {
      encoding.writeVarUint(encoder, entry.client)
      encoding.writeVarUint(encoder, entry.clock)
      encoding.writeVarUint(encoder, Math.max(0, Math.round(entry.age)))
      encoding.writeVarString(encoder, 'json' in entry ? entry.json : JSON.stringify(entry.state))
    }
  })

const readEntry = (decoder: decoding.Decoder): AwarenessEntry => {
  const client = decoding.readVarUint(decoder)
  const clock = decoding.readVarUint(decoder)
  const age = decoding.readVarUint(decoder)
  const state = readState(decoding.readVarString(decoder))
  return { client, clock, age, state }
}

/** Throws a Rejection if the bytes are not a list of states, or too long a list. */
export const decodeAwareness = (bytes: Uint8Array): AwarenessMessage => {
  try {
    const decoder = decoding.createDecoder(bytes)
    const isQuery = decoding.readVarUint(decoder) === 1
    const count = decoding.readVarUint(decoder)
    if (count > MAX_AWARENESS_ENTRIES)
      throw new Rejection(
        'too_many',
        `${count} awareness states, at most ${MAX_AWARENESS_ENTRIES} are allowed`,
      )
    const entries = Array.from({ length: count }, () => readEntry(decoder))
    if (decoding.hasContent(decoder)) throw new Error('more bytes than states')
    return { isQuery: isQuery, entries }
  } catch (error) {
    if (error instanceof Rejection) throw error
    throw new Rejection('malformed', `not awareness states: ${(error as Error).message}`, error)
  }
}
