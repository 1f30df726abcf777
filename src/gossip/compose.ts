/**
 * Makes the next message for a peer from what is to be said to it. As much as fits goes into
 * one message; an answer that is too long is cut into parts, one for each message, and the
 * rest stays to be said.
 *
 * ```ts
 * const { text, left } = composer.compose(peer.address, peer.outbox.drain(), documents, members, now)
 * ```
 */
import {
  countEntries,
  type Delta,
  type DocState,
  encodePush,
  isEmptyDelta,
  LIMITS,
  type PackedUpdate,
  type Platform,
  packUpdate,
  type Replica,
  type Summary,
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
  /** Bytes of V1 that a peer takes in one update. */
  readonly maxUpdateBytes: number
  /** Structs and runs of deletes that a peer takes in one update. */
  readonly maxEntries: number
}

/** A document as gossip keeps it. */
export interface OpenDocument {
  readonly replica: Replica
  readonly rumors: Rumors
  /** What is told of who is there; absent where nobody asks for that. */
  readonly awareness?: AwarenessSource
}

/** States that are told as they are when the message leaves, and need not arrive. */
export interface AwarenessSource {
  /** Those from that number on, encoded in at most `bytes`; undefined when there are none. */
  encodeSince(number: number, bytes: number): Uint8Array | undefined
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

/** Bytes kept for all of a message but its documents: names, punctuation, members where they fit. */
const ENVELOPE_BYTES = 2_048

/** Bytes of a document's entry without its name, update, needs and vector: digests, punctuation. */
const STATE_BYTES = 256

/** Characters of one writer's clock among the needs, at most: 16 bytes in base64. */
const NEED_LENGTH = 22

/** Below this an update is cut into single structs. */
const LEAST_PIECE_BYTES = 256

/** As bytes of a piece: a single struct, or run of deletes. */
const SINGLE = 1

/** Aim a little below the room there is, as pieces do not compress alike. */
const PIECE_MARGIN = 0.85

/** An address that no peer has: nothing is known to it. */
const NOBODY = ''

/** Base64 has four characters for three bytes. */
const BASE64_GROWTH = 4 / 3

const utf8 = new TextEncoder()

/** UTF-8 bytes of a string in JSON. */
const jsonBytes = (text: string): number => utf8.encode(JSON.stringify(text)).length

/** Characters of an update in a message, but for what any document's entry has. */
const lengthOf = ({ data, needs }: PackedUpdate): number =>
  data.length + (needs?.size ?? 0) * NEED_LENGTH

/** Characters that an update of that document may take in a message that says nothing else. */
export const updateRoom = (document: string, maxMessageBytes: number): number => {
  const room = Math.max(LEAST_PIECE_BYTES, maxMessageBytes - ENVELOPE_BYTES)
  return Math.max(LEAST_PIECE_BYTES, room - jsonBytes(document) - STATE_BYTES)
}

interface Part {
  readonly state: DocState
  /** Characters it takes. */
  readonly length: number
  readonly rest?: Saying
  readonly unsendable?: number
}

interface Asked {
  readonly summary?: Summary
  /** Characters it takes. */
  readonly asked: number
  /** Bytes of the vector where not even that fits: then the others must ask us. */
  readonly tooLong?: number
}

const NOT_ASKED: Asked = { asked: 0 }

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
      if (room < LEAST_PIECE_BYTES || state.size >= LIMITS.documents) {
        left.push([name, saying])
        continue
      }
      const part = this.#part(to, document, saying, room - jsonBytes(name))
      const length = part.length + jsonBytes(name)
      const isTooLong = length > room || part.unsendable !== undefined
      if (isTooLong && state.size > 0) {
        left.push([name, saying])
        continue
      }
      if (part.unsendable !== undefined) unsendable.push([name, part.unsendable])
      if (part.rest) left.push([name, part.rest])
      const awareness = this.#awareness(document, saying, room - length)
      if (Object.keys(part.state).length === 0 && !awareness) continue
      room -= length + (awareness?.length ?? 0) * BASE64_GROWTH
      version += document.replica.version
      state.set(name, { ...part.state, ...(awareness && { awareness }) })
      said.push([name, saying])
    }
    if (said.length === 0) return { text: undefined, said, left, unsendable }
    const speaksOfState = [...state.values()].some(({ digest }) => digest !== undefined)
    const timestamp = Math.floor(now / 1000)
    const push = { version, state, sender: self, timestamp, swarm, documents: documents.size }
    let text = encodePush({ ...push, members: speaksOfState ? members() : [] })
    // Only long names of members make it longer than was reckoned: better none than no message.
    if (text.length * 3 > maxMessageBytes && utf8.encode(text).length > maxMessageBytes) {
      text = encodePush({ ...push, members: [] })
    }
    return { text, said, left, unsendable }
  }

  /** Does what came since that number ride along in a push? Else it is announced, and fetched. */
  ridesAlong({ replica, rumors }: OpenDocument, since: number): boolean {
    const rumor = rumors.deltaSince(since, NOBODY)
    if (!rumor) return false
    return isEmptyDelta(rumor) || Boolean(this.#rideAlong(replica, rumor, Number.POSITIVE_INFINITY))
  }

  /** Does what we know fit into a message? Else asking is in vain, and the others must ask us. */
  canAsk(replica: Replica): boolean {
    const room = this.#options.maxMessageBytes - ENVELOPE_BYTES - STATE_BYTES
    return replica.summary().vector.length * BASE64_GROWTH <= room
  }

  /** It takes what room the rest leaves: it need not arrive. */
  #awareness(document: OpenDocument, saying: Saying, room: number): Uint8Array | undefined {
    const bytes = Math.floor(room / BASE64_GROWTH)
    if (saying.awareness === undefined || bytes < LEAST_PIECE_BYTES) return undefined
    return document.awareness?.encodeSince(saying.awareness, bytes)
  }

  /** What is said about one document, within `room` characters. */
  #part(to: string, document: OpenDocument, saying: Saying, room: number): Part {
    const { replica, rumors } = document
    const { since, ask, answer } = saying
    const { summary, asked, tooLong } = ask ? this.#summary(replica, room) : NOT_ASKED
    const length = STATE_BYTES + asked
    if (answer && asked * 2 > room) {
      // A long ask goes before the answer. It is a part of it all the same: a plain ask could be
      // answered by another, and that one again.
      const state = { digest: replica.digest, ...summary, answer: true, more: true }
      return { state, length, rest: { answer } }
    }
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
        length: length + (update ? lengthOf(update) : 0),
        // What else was to be said is part of the answer, which reaches up to now.
        ...(rest && { rest: { answer: rest } }),
        ...((unsendable ?? tooLong) !== undefined && { unsendable: unsendable ?? tooLong! }),
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
    return {
      state,
      length: length + (update ? lengthOf(update) : 0),
      ...(tooLong !== undefined && { unsendable: tooLong }),
    }
  }

  /**
   * What we know, to ask for the rest; without the deletes where they do not fit. What waits is
   * counted as known every other time: what it waits for may be nowhere any more.
   */
  #summary(replica: Replica, room: number): Asked {
    const { vector, deletes } = replica.summary(this.#options.random() < 0.5)
    const asked = vector.length * BASE64_GROWTH
    const both = asked + (deletes?.length ?? 0) * BASE64_GROWTH
    if (deletes && both <= room - STATE_BYTES) return { summary: { vector, deletes }, asked: both }
    if (asked <= room - STATE_BYTES) return { summary: { vector }, asked }
    return { asked: 0, tooLong: vector.length }
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
    const fits = packed.length <= this.#options.rideAlongBytes && lengthOf(packed) <= room
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
      const { piece, rest } =
        bytes === undefined
          ? { piece: delta, rest: undefined }
          : takePiece(replica.doc, delta, bytes)
      const update = this.#pack(replica, piece)
      const length = lengthOf(update)
      const { maxUpdateBytes, maxEntries } = this.#options
      const fits =
        length <= room &&
        update.length <= maxUpdateBytes &&
        // Two bytes are the least that one takes: no need to count what is certainly few.
        (update.length <= maxEntries * 2 || countEntries(replica.doc, piece) <= maxEntries)
      const fitting = Math.floor((update.length * room * PIECE_MARGIN) / length)
      if (fits || bytes === SINGLE) {
        return {
          ...(fits ? { update } : { unsendable: update.length }),
          ...(rest && {
            rest: {
              known: replica.knownWith(answer.known, piece),
              // One long struct must not make all further parts as short as the one it is in.
              pieceBytes: Math.max(LEAST_PIECE_BYTES, fitting),
            },
          }),
        }
      }
      const shorter = Math.min(fitting, (bytes ?? update.length) >> 1)
      bytes =
        bytes !== undefined && bytes <= LEAST_PIECE_BYTES
          ? SINGLE
          : Math.max(LEAST_PIECE_BYTES, shorter)
    }
  }
}
