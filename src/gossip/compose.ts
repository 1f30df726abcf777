/**
 * Makes the next message for a peer from what is to be said to it. As much as fits goes into
 * one message; an answer that is too long is cut into parts, one for each message, and the
 * rest stays to be said.
 */
import {
  type Delta,
  type DocState,
  encodePush,
  isEmptyDelta,
  type PackedUpdate,
  type Platform,
  packUpdate,
  type Replica,
  takePiece,
} from '../../crdt/index.ts'
import type { Answer, Saying } from './outbox.ts'
import type { Rumors } from './rumors.ts'

export interface ComposeOptions {
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** UTF-8 bytes of the longest message. */
  readonly maxMessageBytes: number
  readonly random: () => number
  /** Bytes of V1 up to which fresh changes ride along. */
  readonly rideAlongBytes: number
}

/** A document as gossip keeps it. */
export interface OpenDocument {
  readonly replica: Replica
  readonly rumors: Rumors
}

export interface Composed {
  /** Undefined when there was nothing to say after all. */
  readonly text: string | undefined
  /** Said by this message. */
  readonly said: [string, Saying][]
  /** Left for the next one. */
  readonly left: [string, Saying][]
  /** Changes that no message of this length can hold: document and bytes. */
  readonly unsendable: [string, number][]
}

/** Bytes kept for all of a message but its documents: names, members, punctuation. */
const ENVELOPE_BYTES = 2_048

/** Bytes of a document's entry without its update and vector: name, digests, punctuation. */
const STATE_BYTES = 200

/** Below this an update is not cut further: it is a single struct, or nearly. */
const LEAST_PIECE_BYTES = 256

/** Aim a little below the room there is, as pieces do not compress alike. */
const PIECE_MARGIN = 0.85

/** Base64 has four characters for three bytes. */
const BASE64_GROWTH = 4 / 3

interface Part {
  readonly state: DocState
  /** Characters it takes. */
  readonly length: number
  readonly rest?: Saying
  readonly unsendable?: number
}

export class Composer {
  readonly #options: ComposeOptions
  /** Several peers are told the same: encode and compress it once. */
  readonly #packed = new WeakMap<Delta, PackedUpdate>()

  constructor(options: ComposeOptions) {
    this.#options = options
  }

  /** The next message to `to`. `members` are asked for only where the message speaks of our state. */
  compose(
    to: string,
    sayings: readonly [string, Saying][],
    documents: ReadonlyMap<string, OpenDocument>,
    members: () => readonly string[],
    now: number,
  ): Composed {
    const { self, swarm, maxMessageBytes } = this.#options
    const state = new Map<string, DocState>()
    const said: [string, Saying][] = []
    const left: [string, Saying][] = []
    const unsendable: [string, number][] = []
    let room = Math.max(LEAST_PIECE_BYTES, maxMessageBytes - ENVELOPE_BYTES)
    let version = 0
    for (const [name, saying] of sayings) {
      const document = documents.get(name)
      if (!document) continue
      if (room < LEAST_PIECE_BYTES) {
        left.push([name, saying])
        continue
      }
      const part = this.#part(to, document, saying, room)
      if (part.unsendable !== undefined) unsendable.push([name, part.unsendable])
      if (part.rest) left.push([name, part.rest])
      if (Object.keys(part.state).length === 0) continue
      room -= part.length
      version += document.replica.version
      state.set(name, part.state)
      said.push([name, saying])
    }
    if (said.length === 0) return { text: undefined, said, left, unsendable }
    const speaksOfState = [...state.values()].some(({ digest }) => digest !== undefined)
    const text = encodePush({
      version,
      state,
      sender: self,
      timestamp: Math.floor(now / 1000),
      swarm,
      members: speaksOfState ? members() : [],
    })
    return { text, said, left, unsendable }
  }

  /** What is said about one document, within `room` characters. */
  #part(to: string, { replica, rumors }: OpenDocument, saying: Saying, room: number): Part {
    const { since, ask, answer } = saying
    // What waits is counted as known every other time: what it waits for may be nowhere any more.
    const summary = ask ? replica.summary(this.#options.random() < 0.5) : undefined
    const asked = summary ? summary.vector.length + (summary.deletes?.length ?? 0) : 0
    const length = STATE_BYTES + asked * BASE64_GROWTH
    if (answer) {
      const left = Math.max(LEAST_PIECE_BYTES, room - length)
      const { update, rest, unsendable } = this.#cut(replica, answer, left)
      const state: DocState = {
        digest: replica.digest,
        ...summary,
        ...(update && { update }),
        answer: true,
        ...(rest && { more: true }),
      }
      return {
        state,
        length: length + (update?.data.length ?? 0),
        // What else was to be said is part of the answer, which reaches up to now.
        ...(rest && { rest: { answer: rest } }),
        ...(unsendable !== undefined && { unsendable }),
      }
    }
    const rumor = since === undefined ? undefined : rumors.deltaSince(since, to)
    const update = rumor && this.#rideAlong(replica, rumor, room - length)
    // What is too long to ride along, or too long ago, is announced by the digest, and fetched.
    const isAnnounced = since !== undefined && (!rumor || (!isEmptyDelta(rumor) && !update))
    const state: DocState = {
      ...((saying.digest || ask || isAnnounced) && { digest: replica.digest }),
      ...summary,
      ...(update && { update }),
    }
    return { state, length: length + (update?.data.length ?? 0) }
  }

  #pack(replica: Replica, delta: Delta): PackedUpdate {
    return packUpdate(replica.encode(delta), this.#options.platform)
  }

  #rideAlong(replica: Replica, rumor: Delta, room: number): PackedUpdate | undefined {
    if (isEmptyDelta(rumor)) return undefined
    let packed = this.#packed.get(rumor)
    if (!packed) {
      packed = this.#pack(replica, rumor)
      this.#packed.set(rumor, packed)
    }
    const fits = packed.length <= this.#options.rideAlongBytes && packed.data.length <= room
    return fits ? packed : undefined
  }

  /**
   * All that the peer lacks if it fits, else the next part of it. The rest is worked out anew
   * for each part, from where this one ends: so the last part reaches up to its own time, and
   * the parts together are a state that the document really had.
   */
  #cut(
    replica: Replica,
    answer: Answer,
    room: number,
  ): { update?: PackedUpdate; rest?: Answer; unsendable?: number } {
    const delta = replica.lacking(answer.known)
    if (isEmptyDelta(delta)) return {}
    let bytes = answer.pieceBytes
    for (;;) {
      const whole = bytes === undefined
      const { piece, rest } = whole
        ? { piece: delta, rest: undefined }
        : takePiece(replica.doc, delta, bytes!)
      const update = this.#pack(replica, piece)
      const fits = update.data.length <= room
      if (fits || (bytes !== undefined && bytes <= LEAST_PIECE_BYTES)) {
        return {
          ...(fits ? { update } : { unsendable: update.length }),
          ...(rest && {
            rest: {
              known: replica.knownWith(answer.known, piece),
              pieceBytes: bytes!,
            },
          }),
        }
      }
      const fitting = Math.floor((update.length * room * PIECE_MARGIN) / update.data.length)
      bytes = Math.max(LEAST_PIECE_BYTES, Math.min(fitting, (bytes ?? update.length) >> 1))
    }
  }
}
