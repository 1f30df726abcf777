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
  digestBytes,
  emptyDelta,
  encodePush,
  fitsChunk,
  isEmptyDelta,
  LIMITS,
  type PackedUpdate,
  type Platform,
  type Push,
  packUpdate,
  type Replica,
  type SyncRequest,
  takeChunk,
} from '../../crdt/index.ts'
import { ChunkCache } from './chunk-cache.ts'
import type { Fanouts } from './fanouts.ts'
import { FragmentedText } from './fragmented-text.ts'
import type { OpenDocument } from './open-document.ts'
import type { Answer, QueuedState } from './outbox.ts'
import type { Rumors } from './rumors.ts'

export interface ComposeOptions {
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** UTF-8 bytes of the longest message. */
  readonly maxMessageBytes: () => number
  readonly random: () => number
  /** By the number of peers: up to how many bytes fresh changes are pushed, and to whom. */
  readonly fanouts: () => Fanouts
  /** Bytes of V1 that a peer takes in one update. */
  readonly maxUpdateBytes: number
  /** UTF-8 bytes of the longest text that a peer takes, whether whole or in fragments. */
  readonly maxTextBytes: number
  /** Structs and runs of deletes that a peer takes in one update. */
  readonly maxEntries: number
}

export interface Composed {
  /** Undefined when there was nothing to say after all. */
  readonly text: string | undefined
  /** Said by this message. */
  readonly included: [string, QueuedState][]
  /** Left for the next one. */
  readonly left: [string, QueuedState][]
  /** Changes that no message of this length can hold: document and bytes. */
  readonly unsendable: [string, number][]
}

/** Bytes kept for all of a message but its documents: names, punctuation, members where they fit. */
const ENVELOPE_BYTES = 2_048

/**
 * Bytes of V1 of one part of a long answer. A part takes the sender 40 ms, and what comes first is
 * shown first; shorter ones cost a message each, longer ones hold up what is short.
 */
const MAX_CHUNK_BYTES = 1_048_576

/** Bytes kept for all of a message but the data of a fragment. */
const FRAGMENT_BYTES = 1_024

/** Bytes of a document's entry without its name, update, needs and vector: digests, punctuation. */
const STATE_BYTES = 256

/** Characters of one writer's clock among the needs, at most: 16 bytes in base64. */
const NEED_LENGTH = 22

/** Times the limit from which on an estimate of an update's bytes is enough: runs of deletes are reckoned at four times their least. */
const ESTIMATE = 4

/** Below this an update is cut into single structs. */
const MIN_CHUNK_BYTES = 256

/** As bytes of a piece: a single struct, or run of deletes. */
const SINGLE = 1

/** Aim a little below the room there is, as pieces do not compress alike. */
const CHUNK_MARGIN = 0.85

/** An address that no peer has: nothing is known to it. */
const NOBODY = ''

/** Base64 has four characters for three bytes. */
const BASE64_GROWTH = 4 / 3

const utf8 = new TextEncoder()

/** UTF-8 bytes of a string in JSON. */
const jsonBytes = (text: string): number => utf8.encode(JSON.stringify(text)).length

/** Characters of an update in a message, but for what any document's entry has. */
const lengthOf = ({ data, needs, told = [] }: PackedUpdate): number =>
  data.length +
  (needs?.size ?? 0) * NEED_LENGTH +
  told.reduce((sum, address) => sum + jsonBytes(address) + 1, 0)

/** Characters that an update of that document may take in a message that says nothing else. */
export const updateRoom = (document: string, maxMessageBytes: number): number => {
  const room = Math.max(MIN_CHUNK_BYTES, maxMessageBytes - ENVELOPE_BYTES)
  return Math.max(MIN_CHUNK_BYTES, room - jsonBytes(document) - STATE_BYTES)
}

interface Part {
  readonly state: DocState
  /** Characters it takes. */
  readonly length: number
  readonly rest?: QueuedState
  readonly unsendable?: number
}

interface Asked {
  readonly summary?: SyncRequest
  /** Characters it takes. */
  readonly asked: number
  /** Bytes of the vector where not even that fits: then the others must ask us. */
  readonly tooLong?: number
}

const NOT_ASKED: Asked = { asked: 0 }

/** What is pushed of fresh changes. */
interface Pushed {
  readonly update?: PackedUpdate
  /** What the update holds. */
  readonly delta: Delta
  /** Is that all that is fresh? */
  readonly isWhole: boolean
}

const NOT_PUSHED: Pushed = { delta: emptyDelta(), isWhole: true }

export class Composer {
  readonly #options: ComposeOptions
  /** Several peers are told the same: encode and compress it once. */
  readonly #packed = new WeakMap<Delta, PackedUpdate>()
  readonly #short = new WeakMap<Delta, boolean>()
  readonly #chunks = new ChunkCache()

  constructor(options: ComposeOptions) {
    this.#options = options
  }

  /** The next message to `to`. `members` are asked for only where the message speaks of our state. */
  compose(
    to: string,
    sayings: readonly [string, QueuedState][],
    documents: ReadonlyMap<string, OpenDocument>,
    members: () => readonly string[],
    now: number,
    canSplit = true,
  ): Composed {
    const { self, swarm } = this.#options
    const maxMessageBytes = this.#options.maxMessageBytes()
    const state = new Map<string, DocState>()
    const said: [string, QueuedState][] = []
    const left: [string, QueuedState][] = []
    const unsendable: [string, number][] = []
    let room = Math.max(MIN_CHUNK_BYTES, maxMessageBytes - ENVELOPE_BYTES)
    let version = 0
    for (const [name, saying] of sayings) {
      const document = documents.get(name)
      if (!document) continue
      if (room < MIN_CHUNK_BYTES || state.size >= LIMITS.documents) {
        left.push([name, saying])
        continue
      }
      // What does not fit into any message goes alone, and in fragments.
      const mayBeLong = canSplit && state.size === 0
      const part = this.#part(to, document, saying, room - jsonBytes(name), mayBeLong, now)
      const length = part.length + jsonBytes(name)
      const isTooLong = length > room || part.unsendable !== undefined
      if (isTooLong && (state.size > 0 || !canSplit)) {
        left.push([name, saying])
        continue
      }
      if (part.unsendable !== undefined) unsendable.push([name, part.unsendable])
      if (part.rest) left.push([name, part.rest])
      const awareness = this.#awareness(document, saying, room - length)
      const { withheld } = document.replica
      if (Object.keys(part.state).length === 0 && !awareness) continue
      room -= length + (awareness?.length ?? 0) * BASE64_GROWTH
      version += document.replica.version
      const isPartial = withheld !== undefined && part.state.digest !== undefined
      state.set(name, {
        ...part.state,
        ...(saying.enough && part.state.digest !== undefined && { enough: true }),
        ...(awareness && { awareness }),
        ...(isPartial && { partial: true }),
      })
      said.push([name, saying])
    }
    if (said.length === 0) return { text: undefined, included: said, left, unsendable }
    const speaksOfState = [...state.values()].some(({ digest }) => digest !== undefined)
    const timestamp = Math.floor(now / 1000)
    const push = { version, state, sender: self, timestamp, swarm, documents: documents.size }
    let text = encodePush({ ...push, members: speaksOfState ? members() : [] })
    // Only long names of members make it longer than was reckoned: better none than in fragments.
    if (this.isTooLong(text)) text = encodePush({ ...push, members: [] })
    return { text, included: said, left, unsendable }
  }

  /** Is the text longer than one message may be? */
  isTooLong(text: string): boolean {
    const most = this.#options.maxMessageBytes()
    return text.length * 3 > most && utf8.encode(text).length > most
  }

  /** Cuts a text that is too long for one message. */
  split(text: string): FragmentedText {
    const { platform } = this.#options
    const room = this.#options.maxMessageBytes() - FRAGMENT_BYTES
    return new FragmentedText(text, digestBytes(utf8.encode(text), platform), room)
  }

  /** A message that carries nothing but a fragment, or the wish for some. */
  wrap(content: Pick<Push, 'fragment' | 'missing'>, documents: number, now: number): string {
    const { self, swarm } = this.#options
    const timestamp = Math.floor(now / 1000)
    const state: Push['state'] = new Map()
    return encodePush({
      version: 0,
      state,
      sender: self,
      timestamp,
      swarm,
      documents,
      members: [],
      ...content,
    })
  }

  /** Does all that came since that number ride along in a push? Else it is announced, and fetched. */
  fitsInline(document: OpenDocument, since: number): boolean {
    return this.#pushed(NOBODY, document, since, Number.POSITIVE_INFINITY).isWhole
  }

  /** Does what we know fit into a message? Else asking is in vain, and the others must ask us. */
  canPull(replica: Replica): boolean {
    return replica.syncRequest().vector.length * BASE64_GROWTH <= LIMITS.fieldLength
  }

  /** It takes what room the rest leaves: it need not arrive. */
  #awareness(document: OpenDocument, saying: QueuedState, room: number): Uint8Array | undefined {
    const bytes = Math.floor(room / BASE64_GROWTH)
    if (saying.awareness === undefined || bytes < MIN_CHUNK_BYTES) return undefined
    return document.awareness?.encodeSince(saying.awareness, bytes)
  }

  /** What is said about one document, within `room` characters. */
  #part(
    to: string,
    document: OpenDocument,
    saying: QueuedState,
    room: number,
    mayBeLong: boolean,
    now: number,
  ): Part {
    const { replica } = document
    const { since, pull: ask, answer } = saying
    const { summary, asked, tooLong } = ask
      ? this.#syncRequest(replica, room, mayBeLong)
      : NOT_ASKED
    const length = STATE_BYTES + asked
    const ahead = answer && !ask && this.#freshBeforeAnswer(to, document, saying, answer, room)
    if (ahead) return ahead
    if (answer && asked * 2 > room) {
      // A long ask goes before the answer. It is a part of it all the same: a plain ask could be
      // answered by another, and that one again.
      const state = { digest: replica.digest, ...summary, answer: true, more: true }
      return { state, length, rest: { answer } }
    }
    if (answer) {
      const left = Math.max(MIN_CHUNK_BYTES, room - length)
      const { update, rest, unsendable } = this.#cut(replica, answer, left, mayBeLong)
      if (!update && rest === answer) return { state: {}, length: 0, rest: saying }
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
    const { update, isWhole } =
      since === undefined ? NOT_PUSHED : this.#pushed(to, document, since, room - length)
    const state: DocState = {
      // What is too long to ride along, or too long ago, is announced by the digest, and fetched.
      ...((saying.digest || saying.enough || ask || !isWhole) && { digest: replica.digest }),
      ...document.content.fieldsFor(saying, now),
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
   * A short change that is fresh goes before the next part of a long answer, where the peer has
   * all that it follows on.
   */
  #freshBeforeAnswer(
    to: string,
    document: OpenDocument,
    { since, awareness }: QueuedState,
    answer: Answer,
    room: number,
  ): Part | undefined {
    if (answer.chunkBytes === undefined || since === undefined) return undefined
    const { update, delta } = this.#pushed(to, document, since, room - STATE_BYTES)
    if (!update) return undefined
    const { clocks } = answer.peerState
    for (const [writer, { from }] of delta.structs) {
      if (from > (clocks.get(writer) ?? 0)) return undefined
    }
    const known = document.replica.peerStateWith(answer.peerState, delta)
    return {
      state: { update },
      length: STATE_BYTES + lengthOf(update),
      rest: {
        answer: { ...answer, peerState: known },
        ...(awareness !== undefined && { awareness }),
      },
    }
  }

  /**
   * Of what came since that number, what is pushed to the peer: all of it, or, where that is too
   * long, the short changes. Parts of a long answer that just came hold up none of them.
   */
  #pushed(to: string, document: OpenDocument, since: number, room: number): Pushed {
    const { replica, rumors } = document
    const all = rumors.deltaSince(since, to)
    if (!all) return { delta: emptyDelta(), isWhole: false }
    if (isEmptyDelta(all)) return { delta: all, isWhole: true }
    const most = this.#inlineBytes(rumors, since)
    let delta = all
    let packed = this.#inline(replica, all, room, most)
    if (!packed) {
      delta = rumors.deltaSince(since, to, (one) => this.#isShort(replica, one)) ?? emptyDelta()
      packed = this.#inline(replica, delta, room, most)
    }
    const told = packed ? this.#recipients(rumors, since, to) : []
    return {
      ...(packed && { update: { ...packed, ...(told.length > 0 && { told }) } }),
      delta,
      isWhole: packed !== undefined && delta === all,
    }
  }

  /** Is that change one of those of which many fit into a push? */
  #isShort(replica: Replica, delta: Delta): boolean {
    let isShort = this.#short.get(delta)
    if (isShort === undefined) {
      isShort = fitsChunk(replica.doc, delta, this.#options.fanouts().inlineBytes)
      this.#short.set(delta, isShort)
    }
    return isShort
  }

  /** Bytes of V1 up to which what came since that number is pushed. */
  #inlineBytes(rumors: Rumors, since: number): number {
    const { inlineBytes, ownInlineBytes, batchInlineBytes } = this.#options.fanouts()
    if (rumors.isOwnSince(since)) return ownInlineBytes
    return Math.max(inlineBytes, Math.min(batchInlineBytes, inlineBytes * rumors.countSince(since)))
  }

  /** In a small swarm: who else is told it, so that the peer need not pass it on to them. */
  #recipients(rumors: Rumors, since: number, to: string): string[] {
    return this.#options.fanouts().isSmall ? rumors.recipientsSince(since, to) : []
  }

  /**
   * What we know, to ask for the rest; without the deletes where they do not fit. What waits is
   * counted as known every other time: what it waits for may be nowhere any more.
   */
  #syncRequest(replica: Replica, room: number, mayBeLong: boolean): Asked {
    const { vector, deletes } = replica.syncRequest(this.#options.random() < 0.5)
    const asked = vector.length * BASE64_GROWTH
    const both = asked + (deletes?.length ?? 0) * BASE64_GROWTH
    if (deletes && both <= room - STATE_BYTES) return { summary: { vector, deletes }, asked: both }
    const isLong = asked > room - STATE_BYTES
    if (!isLong || (mayBeLong && asked <= LIMITS.fieldLength)) return { summary: { vector }, asked }
    return { asked: 0, tooLong: vector.length }
  }

  /** Has it no more structs and runs of deletes than a peer takes? `bytes` are those of its V1. */
  #hasFewEntries(replica: Replica, delta: Delta, bytes: number): boolean {
    const { maxEntries } = this.#options
    // Two bytes are the least that one takes: no need to count what is certainly few.
    return bytes <= maxEntries * 2 || countEntries(replica.doc, delta) <= maxEntries
  }

  /** May a message in fragments hold it? */
  #canSplit(update: PackedUpdate): boolean {
    const { maxUpdateBytes, maxTextBytes } = this.#options
    return update.length <= maxUpdateBytes && lengthOf(update) <= maxTextBytes - ENVELOPE_BYTES
  }

  #pack(replica: Replica, delta: Delta): PackedUpdate {
    return packUpdate(replica.encode(delta), this.#options.platform)
  }

  #inline(
    replica: Replica,
    rumor: Delta,
    room: number,
    inlineBytes: number,
  ): PackedUpdate | undefined {
    if (isEmptyDelta(rumor)) return undefined
    let packed = this.#packed.get(rumor)
    if (!packed) {
      // What is far too long is not encoded to find that out.
      if (!fitsChunk(replica.doc, rumor, ESTIMATE * inlineBytes)) return undefined
      packed = this.#pack(replica, rumor)
      this.#packed.set(rumor, packed)
    }
    const fits =
      packed.length <= inlineBytes &&
      lengthOf(packed) <= room &&
      this.#hasFewEntries(replica, rumor, packed.length)
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
    mayBeLong: boolean,
  ): { update?: PackedUpdate; rest?: Answer; unsendable?: number } {
    const delta = replica.lacking(answer.peerState)
    if (isEmptyDelta(delta)) return {}
    // What is long is never encoded as a whole: it would hold up all that waits meanwhile.
    let bytes = answer.chunkBytes
    if (bytes === undefined && !fitsChunk(replica.doc, delta, MAX_CHUNK_BYTES))
      bytes = MAX_CHUNK_BYTES
    for (;;) {
      const cut =
        bytes === undefined
          ? { chunk: delta, rest: undefined }
          : takeChunk(replica.doc, delta, bytes)
      const isPart = bytes !== undefined && bytes !== SINGLE
      const piece = isPart ? this.#chunks.align(replica.era, cut.chunk) : cut.chunk
      const hasRest = cut.rest !== undefined || piece !== cut.chunk
      const pack = (): PackedUpdate => this.#pack(replica, piece)
      const update = isPart ? this.#chunks.get(replica.era, replica.deletes, piece, pack) : pack()
      const length = lengthOf(update)
      const fits =
        length <= room &&
        update.length <= this.#options.maxUpdateBytes &&
        this.#hasFewEntries(replica, piece, update.length)
      const fitting = Math.floor((update.length * room * CHUNK_MARGIN) / length)
      if (fits || bytes === SINGLE) {
        // A single value that is longer than a message goes in fragments, when its turn comes.
        const isFragmented = !fits && this.#canSplit(update)
        if (isFragmented && !mayBeLong) return { rest: answer }
        return {
          ...(fits || isFragmented ? { update } : { unsendable: update.length }),
          ...(hasRest && {
            rest: {
              peerState: replica.peerStateWith(answer.peerState, piece),
              // One long struct must not make all further parts as short as the one it is in.
              chunkBytes: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, fitting)),
            },
          }),
        }
      }
      const shorter = Math.min(fitting, (bytes ?? update.length) >> 1)
      bytes =
        bytes !== undefined && bytes <= MIN_CHUNK_BYTES
          ? SINGLE
          : Math.max(MIN_CHUNK_BYTES, shorter)
    }
  }
}
