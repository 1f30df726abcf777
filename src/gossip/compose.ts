/**
 * Composes the next message for a peer from what is queued for it. As much as fits goes into one
 * message; an answer that is too long is sent in chunks, one for each message, and what is left
 * stays queued.
 *
 * ```ts
 * const { text, left } = composer.compose(peer.address, peer.outbox.drain(), documents, members, now)
 * ```
 */
import {
  type DocState,
  type Format,
  jsonBytes,
  LIMITS,
  OLDEST_FORMAT,
  type Replica,
  type SyncRequest,
} from '../../crdt/index.ts'
import { type AnswerPart, Answers, answerAfter } from './answers.ts'
import { Envelope, type EnvelopeOptions } from './envelope.ts'
import type { Fanouts } from './fanouts.ts'
import { InlineUpdates, NO_UPDATE } from './inline-updates.ts'
import type { OpenDocument } from './open-document.ts'
import type { Answer, QueuedState } from './outbox.ts'
import {
  BASE64_GROWTH,
  lengthOf,
  MIN_CHUNK_BYTES,
  Packing,
  type PackingOptions,
  roomIn,
  STATE_BYTES,
} from './packing.ts'

export interface ComposeOptions extends EnvelopeOptions, PackingOptions {
  readonly random: () => number
  /** Up to how many bytes fresh changes are pushed, and to whom; depends on the number of peers. */
  readonly fanouts: () => Fanouts
}

export interface Composed {
  /** Undefined if there was nothing to send after all. */
  readonly text: string | undefined
  /** What the message includes. */
  readonly included: [string, QueuedState][]
  /** What is left for the next message. */
  readonly left: [string, QueuedState][]
  /** Changes that fit into no message of this length: document and bytes. */
  readonly unsendable: [string, number][]
}

/** What a message says about one document. */
interface Entry {
  readonly state: DocState
  /** Characters of the state. */
  readonly length: number
  readonly rest?: QueuedState
  readonly unsendable?: number
}

interface Request {
  readonly fields?: SyncRequest | { readonly ranges: Uint8Array }
  /** Characters of the fields. */
  readonly length: number
  /** Bytes of a vector that fits into no message. Then only peers can pull from us. */
  readonly tooLong?: number
}

/** The peer that a message goes to. */
export interface Recipient {
  readonly address: string
  /** The format of messages that it reads. */
  readonly format: Format
}

const NO_REQUEST: Request = { length: 0 }

export class Composer {
  readonly envelope: Envelope
  readonly #options: ComposeOptions
  readonly #inline: InlineUpdates
  readonly #answers: Answers

  constructor(options: ComposeOptions) {
    this.#options = options
    this.envelope = new Envelope(options)
    const packing = new Packing(options)
    this.#inline = new InlineUpdates(packing, options.fanouts)
    this.#answers = new Answers(packing)
  }

  /**
   * The next message to `to`. `members` is called only if the message has a digest. `mayFragment`:
   * may a message be longer than the transport carries?
   */
  compose(
    to: Recipient,
    queued: readonly [string, QueuedState][],
    documents: ReadonlyMap<string, OpenDocument>,
    members: () => readonly string[],
    now: number,
    mayFragment = true,
  ): Composed {
    const state = new Map<string, DocState>()
    const included: [string, QueuedState][] = []
    const left: [string, QueuedState][] = []
    const unsendable: [string, number][] = []
    let room = roomIn(this.#options.maxMessageBytes())
    let version = 0
    for (const [name, one] of queued) {
      const document = documents.get(name)
      if (!document) continue
      if (room < MIN_CHUNK_BYTES || state.size >= LIMITS.documents) {
        left.push([name, one])
        continue
      }
      // A state that fits into no message travels alone, in fragments.
      const mayBeLong = mayFragment && state.size === 0
      const entry = this.#entryFor(to, document, one, room - jsonBytes(name), mayBeLong)
      const length = entry.length + jsonBytes(name)
      const isTooLong = length > room || entry.unsendable !== undefined
      if (isTooLong && !mayBeLong) {
        left.push([name, one])
        continue
      }
      if (entry.unsendable !== undefined) unsendable.push([name, entry.unsendable])
      if (entry.rest) left.push([name, entry.rest])
      const awareness = this.#awareness(document, one, room - length)
      if (Object.keys(entry.state).length === 0 && !awareness) continue
      room -= length + (awareness?.length ?? 0) * BASE64_GROWTH
      version += document.replica.version
      state.set(name, completeState(document, one, entry.state, awareness))
      included.push([name, one])
    }
    if (included.length === 0) return { text: undefined, included, left, unsendable }
    const hasDigest = [...state.values()].some(({ digest }) => digest !== undefined)
    const { format } = to
    const content = { version, state, members: hasDigest ? members() : [], format }
    let text = this.envelope.encode(content, documents.size, now)
    // Only long names of members make a message longer than reckoned: send it without them.
    if (this.envelope.isTooLong(text))
      text = this.envelope.encode({ ...content, members: [] }, documents.size, now)
    return { text, included, left, unsendable }
  }

  /** Does a push carry everything since that number inline? Else it is announced, and peers pull it. */
  fitsInline(document: OpenDocument, since: number): boolean {
    return this.#inline.fits(document, since)
  }

  /** Does a request for what we lack fit into a message? If not, only peers can pull from us. */
  canPull(replica: Replica): boolean {
    if (replica.published.needsRanges) return true
    return replica.syncRequest().vector.length * BASE64_GROWTH <= LIMITS.fieldLength
  }

  /** Awareness takes the room that the rest leaves: it need not arrive. */
  #awareness(document: OpenDocument, queued: QueuedState, room: number): Uint8Array | undefined {
    const bytes = Math.floor(room / BASE64_GROWTH)
    if (queued.awareness === undefined || bytes < MIN_CHUNK_BYTES) return undefined
    return document.awareness?.encodeSince(queued.awareness, bytes)
  }

  /** What to say about one document, within `room` characters. */
  #entryFor(
    to: Recipient,
    document: OpenDocument,
    queued: QueuedState,
    room: number,
    mayBeLong: boolean,
  ): Entry {
    const { answer } = queued
    const request = this.#request(to, document.replica, queued, room, mayBeLong)
    if (!answer) return this.#stateEntry(to, document, queued, request, room)
    const hasRequest = request !== NO_REQUEST
    const fresh = hasRequest
      ? undefined
      : this.#freshBeforeAnswer(to, document, queued, answer, room)
    return (
      fresh ?? this.#answerEntry(to, document.replica, queued, answer, request, room, mayBeLong)
    )
  }

  #answerEntry(
    { format }: Recipient,
    replica: Replica,
    queued: QueuedState,
    answer: Answer,
    request: Request,
    room: number,
    mayBeLong: boolean,
  ): Entry {
    const digest = digestIn(format, replica)
    const length = STATE_BYTES + request.length
    if (request.length * 2 > room) {
      // A long request goes ahead of the answer, as a part of it: a request by itself could be
      // answered with another request, and so on.
      const state = { digest, ...request.fields, answer: true, more: true }
      return { state, length, rest: { answer } }
    }
    const left = Math.max(MIN_CHUNK_BYTES, room - length)
    const part: AnswerPart = this.#answers.next(replica, answer, left, mayBeLong)
    const { update, rest } = part
    if (!update && rest === answer) return { state: {}, length: 0, rest: queued }
    const unsendable = part.unsendable ?? request.tooLong
    return {
      state: {
        digest,
        ...request.fields,
        ...(update && { update }),
        answer: true,
        ...(rest && { more: true }),
      },
      length: length + (update ? lengthOf(update) : 0),
      // Everything else that was queued is part of the answer, which reaches up to now.
      ...(rest && { rest: { answer: rest } }),
      ...(unsendable !== undefined && { unsendable }),
    }
  }

  #stateEntry(
    to: Recipient,
    document: OpenDocument,
    queued: QueuedState,
    request: Request,
    room: number,
  ): Entry {
    const { since, digest, content, enough } = queued
    const length = STATE_BYTES + request.length
    const { update, isWhole } =
      since === undefined
        ? NO_UPDATE
        : this.#inline.updateFor(to.address, document, since, room - length)
    // A digest announces changes that are too long, or too old, to be sent inline.
    const hasDigest = digest || enough || request.fields || request.tooLong || !isWhole
    const hasContent = content && hasDigest && to.format !== OLDEST_FORMAT
    return {
      state: {
        ...(hasDigest && { digest: digestIn(to.format, document.replica) }),
        ...(hasContent && document.content.fieldsFor(queued)),
        ...request.fields,
        ...(update && { update }),
      },
      length: length + (update ? lengthOf(update) : 0),
      ...(request.tooLong !== undefined && { unsendable: request.tooLong }),
    }
  }

  /** A short fresh change goes ahead of the next chunk of a long answer, if the peer has what it follows. */
  #freshBeforeAnswer(
    { address }: Recipient,
    document: OpenDocument,
    { since, awareness }: QueuedState,
    answer: Answer,
    room: number,
  ): Entry | undefined {
    const { peerState } = answer
    if (answer.chunkBytes === undefined || since === undefined || !peerState) return undefined
    const { update, delta } = this.#inline.updateFor(address, document, since, room - STATE_BYTES)
    if (!update) return undefined
    const { clocks } = peerState
    for (const [writer, { from }] of delta.structs) {
      if (from > (clocks.get(writer) ?? 0)) return undefined
    }
    return {
      state: { update },
      length: STATE_BYTES + lengthOf(update),
      rest: {
        answer: { ...answer, ...answerAfter(answer, delta) },
        ...(awareness !== undefined && { awareness }),
      },
    }
  }

  /**
   * Our state, as a request for the rest; without the deletes if they do not fit. Every other request
   * counts waiting updates as known: what they wait for may not exist any more.
   */
  #request(
    { format }: Recipient,
    replica: Replica,
    { pull, ranges: reply }: QueuedState,
    room: number,
    mayBeLong: boolean,
  ): Request {
    if (reply) return requestOf(reply)
    if (!pull) return NO_REQUEST
    if (pull !== 'vector' && format !== OLDEST_FORMAT && replica.published.needsRanges)
      return requestOf(
        replica.published.rangesRequest(Math.floor(this.#options.random() * 2 ** 32)),
      )
    const { vector, deletes } = replica.syncRequest(this.#options.random() < 0.5)
    const length = vector.length * BASE64_GROWTH
    const both = length + (deletes?.length ?? 0) * BASE64_GROWTH
    if (deletes && both <= room - STATE_BYTES) return { fields: { vector, deletes }, length: both }
    const fits = length <= room - STATE_BYTES
    if (fits || (mayBeLong && length <= LIMITS.fieldLength)) return { fields: { vector }, length }
    return { length: 0, tooLong: vector.length }
  }
}

const requestOf = (ranges: Uint8Array): Request => ({
  fields: { ranges },
  length: ranges.length * BASE64_GROWTH,
})

/** The digest of the published state, as messages of that format have it. */
const digestIn = (format: Format, replica: Replica): string =>
  format === OLDEST_FORMAT ? replica.published.snapshotDigest : replica.digest

/** Adds what depends on whether the state has a digest. */
const completeState = (
  { replica }: OpenDocument,
  { enough }: QueuedState,
  state: DocState,
  awareness: Uint8Array | undefined,
): DocState => {
  const hasDigest = state.digest !== undefined
  return {
    ...state,
    ...(enough && hasDigest && { enough: true }),
    ...(awareness && { awareness }),
    ...(replica.withheld !== undefined && hasDigest && { partial: true }),
  }
}
