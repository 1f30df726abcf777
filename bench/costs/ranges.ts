/**
 * What two replicas with many past writers exchange until both know what one of them lacks: messages
 * and bytes, not times.
 *
 * ```ts
 * runRanges([100_000])      // [{ writers: 100_000, messages: 4, bytes: 400, vectorBytes: 600_000 }]
 * ```
 */
import * as Y from 'yjs'
import { Replica } from '../../crdt/index.ts'
import { DEFAULT_MAP } from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { wrongAnswer } from '../workloads/answer.ts'
import { writersOf } from './growth.ts'

export interface RangesRow {
  readonly writers: number
  /** Until the one that lacks a write of one writer has it. */
  readonly messages: number
  /** Bytes of all ranges in them. */
  readonly bytes: number
  /** Bytes of a vector of all writers. */
  readonly vectorBytes: number
}

/** Any number: peers choose one at random for each exchange. */
const SALT = 4_711

/** More would mean that they do not find it. */
const MOST_MESSAGES = 20

const replicaOf = (state: Uint8Array, writer: number): Replica => {
  const doc = new Y.Doc()
  doc.clientID = writer
  Y.applyUpdate(doc, state)
  return new Replica(doc, nodePlatform)
}

const measure = (writers: number): RangesRow => {
  const state = Y.encodeStateAsUpdate(writersOf(writers))
  const [ahead, behind] = [replicaOf(state, 1), replicaOf(state, 2)]
  ahead.doc.getMap(DEFAULT_MAP).set('news', true)
  let [from, to] = [behind, ahead]
  let [messages, bytes] = [0, 0]
  let next: Uint8Array | undefined = from.published.rangesRequest(SALT)
  while (next && messages < MOST_MESSAGES) {
    messages++
    bytes += next.length
    const { lacks, reply } = to.published.compareRanges(next)
    from.apply(to.encode(lacks).bytes)
    next = reply
    ;[from, to] = [to, from]
  }
  if (behind.digest !== ahead.digest)
    throw wrongAnswer(`ranges, ${writers} writers`, 'the replicas differ', 'engine')
  const vectorBytes = Y.encodeStateVector(behind.doc).length
  return { writers, messages, bytes, vectorBytes }
}

export const runRanges = (
  writers: readonly number[],
  progress?: (step: string) => void,
): RangesRow[] =>
  writers.map((count) => {
    progress?.(`ranges, ${count} writers`)
    return measure(count)
  })
