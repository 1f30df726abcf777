/**
 * Makes answers: everything that a peer lacks if it fits into one message, else the next chunk of
 * it. The rest is computed again for each chunk, from where the last one ended. So the last chunk
 * reaches up to its own time, and all chunks together are a state that the document really had.
 *
 * ```ts
 * const { update, rest } = answers.next(replica, queued.answer, room, false)
 * ```
 */
import {
  type Delta,
  emptyDelta,
  fitsChunk,
  isEmptyDelta,
  type PackedUpdate,
  type Replica,
  subtractDelta,
  takeChunk,
  withDelta,
} from '../../crdt/index.ts'
import { ChunkCache } from './chunk-cache.ts'
import type { Answer } from './outbox.ts'
import { lengthOf, MIN_CHUNK_BYTES, type Packing } from './packing.ts'

/**
 * Bytes of V1 of one chunk. The sender needs 40 ms for one, and the receiver shows each as it comes.
 * Shorter chunks cost more messages; longer ones hold up short changes.
 */
const MAX_CHUNK_BYTES = 1_048_576

/** As bytes of a chunk: a single struct, or run of deletes. */
const SINGLE = 1

/** Share of the room to aim at, because chunks do not compress equally well. */
const CHUNK_MARGIN = 0.85

export interface AnswerPart {
  readonly update?: PackedUpdate
  /** What is left to be sent; undefined when the answer is complete. */
  readonly rest?: Answer
  /** Bytes of a single struct that no message can carry. */
  readonly unsendable?: number
}

export class Answers {
  readonly #packing: Packing
  readonly #cache = new ChunkCache()

  constructor(packing: Packing) {
    this.#packing = packing
  }

  /**
   * The answer, or its next chunk, within `room` characters. `mayFragment`: may it be longer, and
   * travel in fragments? If it may not, and a single struct is too long, the answer itself is returned
   * as the rest.
   */
  next(replica: Replica, answer: Answer, room: number, mayFragment: boolean): AnswerPart {
    const delta = lackedBy(replica, answer)
    if (isEmptyDelta(delta)) return {}
    // A long answer is never encoded as a whole: that would hold up everything else.
    let bytes = answer.chunkBytes
    if (bytes === undefined && !fitsChunk(replica.doc, delta, MAX_CHUNK_BYTES))
      bytes = MAX_CHUNK_BYTES
    for (;;) {
      const cut =
        bytes === undefined
          ? { chunk: delta, rest: undefined }
          : takeChunk(replica.doc, delta, bytes)
      const isCacheable = bytes !== undefined && bytes !== SINGLE
      const chunk = isCacheable ? this.#cache.align(replica.era, cut.chunk) : cut.chunk
      const hasRest = cut.rest !== undefined || chunk !== cut.chunk
      const pack = (): PackedUpdate => this.#packing.pack(replica, chunk)
      const update = isCacheable
        ? this.#cache.get(replica.era, replica.deletes, chunk, pack)
        : pack()
      const length = lengthOf(update)
      const fits =
        length <= room &&
        update.length <= this.#packing.maxUpdateBytes &&
        this.#packing.hasFewEntries(replica, chunk, update.length)
      const fitting = Math.floor((update.length * room * CHUNK_MARGIN) / length)
      if (fits || bytes === SINGLE) {
        const isFragmented = !fits && this.#packing.canFragment(update)
        if (isFragmented && !mayFragment) return { rest: answer }
        const chunkBytes = nextChunkBytes(fitting)
        return {
          ...(fits || isFragmented ? { update } : { unsendable: update.length }),
          ...(hasRest && { rest: { ...answerAfter(answer, chunk), chunkBytes } }),
        }
      }
      bytes = shorterChunkBytes(bytes, update.length, fitting)
    }
  }
}

const lackedBy = (replica: Replica, { peerState, lacks }: Answer): Delta =>
  peerState ? replica.lacking(peerState) : replica.published.existing(lacks ?? emptyDelta())

/** What is left to be answered once the peer has got the delta. */
export const answerAfter = ({ peerState, lacks }: Answer, delta: Delta): Answer =>
  peerState
    ? { peerState: withDelta(peerState, delta) }
    : { lacks: subtractDelta(lacks ?? emptyDelta(), delta) }

/** One long struct must not make all further chunks as short as the one it is in. */
const nextChunkBytes = (fitting: number): number =>
  Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, fitting))

/** Half at most; below the minimum a chunk is a single struct. */
const shorterChunkBytes = (bytes: number | undefined, length: number, fitting: number): number =>
  bytes !== undefined && bytes <= MIN_CHUNK_BYTES
    ? SINGLE
    : Math.max(MIN_CHUNK_BYTES, Math.min(fitting, (bytes ?? length) >> 1))
