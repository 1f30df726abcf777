/**
 * Takes in the messages of peers: decodes them, puts fragments together, notes which peer is alive
 * and which documents it has, and hands what concerns our documents to `repair`.
 *
 * ```ts
 * inbox.receive([{ from, text }], 0, now)
 * if (inbox.wakeAt <= now) inbox.onTime(now)
 * ```
 */
import {
  type DocState,
  decodePush,
  digestBytes,
  type Fragment,
  type Limits,
  type Push,
  Rejection,
} from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { Dissemination } from './dissemination.ts'
import type { SharedDocument } from './document.ts'
import type { GossipEffect, ReceivedMessage } from './events.ts'
import type { GossipOptions } from './options.ts'
import type { Peer, Peers } from './peers.ts'
import type { Puller } from './puller.ts'
import { Reassembly } from './reassembly.ts'
import type { ReceivedState, Repair } from './repair.ts'
import type { Sender } from './sender.ts'

const utf8 = new TextEncoder()

const WHY = {
  banned: 'the sender is banned',
  not_accepted: 'the sender is neither a listed peer nor trusted',
} as const

export interface InboxOptions extends Pick<GossipOptions, 'swarm' | 'platform' | 'reader'> {
  readonly limits: Limits
  readonly config: GossipConfig
  readonly counters: Counters
  readonly peers: Peers
  readonly sender: Sender
  readonly dissemination: Dissemination
  readonly puller: Puller
  readonly repair: Repair
  readonly documents: ReadonlyMap<string, SharedDocument>
  readonly emit: (effect: GossipEffect) => void
  /** Called with a document that a message names; without one, when all may have become different. */
  readonly onConcerned: (document?: string) => void
}

export class Inbox {
  readonly #options: InboxOptions
  readonly #reassembly: Reassembly
  /** Milliseconds; the time of the event that is handled. */
  #now = 0

  constructor(options: InboxOptions) {
    this.#options = options
    const { config, limits, platform } = options
    this.#reassembly = new Reassembly({
      digestOf: (text) => digestBytes(utf8.encode(text), platform),
      // Well before the peer that waits for the answer pulls all of it again.
      patienceMs: config.pullTimeoutMs / 3,
      maxLength: 2 * limits.messageBytes,
    })
  }

  /** Milliseconds; when fragments are overdue. */
  get wakeAt(): number {
    return this.#reassembly.wakeAt
  }

  /** Takes in messages in their order; `waiting` further ones wait behind them. */
  receive(messages: readonly ReceivedMessage[], waiting: number, now: number): void {
    const { repair, sender } = this.#options
    const received: ReceivedState[] = []
    this.#now = now
    sender.received(waiting, now)
    for (const { from, text } of messages) this.#receiveOne(from, text, now, received)
    repair.receive(received, now)
  }

  /** Requests fragments that are overdue. */
  onTime(now: number): void {
    if (this.#reassembly.wakeAt > now) return
    const { peers, puller, sender } = this.#options
    for (const { from, missing } of this.#reassembly.overdue(now)) {
      const peer = peers.get(from)
      if (!peer) continue
      sender.requestFragments(peer, missing)
      puller.extend(peer, now)
    }
  }

  /** Adds to `received` what the message says about documents that are open here. */
  #receiveOne(from: string, text: string, now: number, received: ReceivedState[]): void {
    const { counters, documents, dissemination, peers, sender } = this.#options
    counters.pushesReceived++
    counters.bytesReceived += text.length
    const refusal = peers.access.refusal(from)
    if (refusal) {
      this.reject(from, new Rejection(refusal, WHY[refusal]))
      return
    }
    if (peers.scores.isGrey(from, now)) {
      counters.reject('grey_listed')
      return
    }
    let push: Push
    try {
      push = this.#decode(text)
    } catch (error) {
      this.reject(from, error)
      return
    }
    const isNew = !peers.get(from)
    const peer = peers.received(from, now)
    if (!peer) return // our own push came back
    peers.scores.accepted(from, now)
    peer.format = push.reads
    this.#noteDocuments(peer, push.documents ?? 1)
    for (const member of push.members) peers.addNamed(member, from, now)
    // A peer that we did not know is likely new in the swarm: name it some members.
    if (isNew) dissemination.introduce(peer)
    if (push.missing) sender.resendFragments(peer, push.missing)
    if (push.fragment) this.#onFragment(peer, push.fragment, now, received)
    for (const [name, state] of push.state) {
      this.#options.onConcerned(name)
      const document = documents.get(name)
      if (document) received.push({ peer, document, state })
      else this.#onUnknownDocument(peer, name, state)
    }
    this.#dropClosedDocuments(peer, push)
  }

  #decode(text: string): Push {
    const { limits, reader, swarm } = this.#options
    return reader ? reader.decode(text, limits) : decodePush(text, swarm, limits)
  }

  #noteDocuments(peer: Peer, documents: number): void {
    if (peer.documents !== documents) this.#options.onConcerned()
    peer.documents = documents
  }

  /** A peer from which we know more documents than it has now has closed some; it will announce the rest. */
  #dropClosedDocuments(peer: Peer, { state }: Push): void {
    if (peer.digests.size <= (peer.documents ?? 1)) return
    for (const name of [...peer.digests.keys()]) {
      if (state.has(name)) continue
      peer.digests.delete(name)
      this.#options.onConcerned(name)
    }
  }

  /** The last fragment completes a message, which then counts as if it had come whole. */
  #onFragment(peer: Peer, fragment: Fragment, now: number, received: ReceivedState[]): void {
    this.#options.onConcerned()
    let text: string | undefined
    try {
      text = this.#reassembly.take(peer.address, fragment, now)
    } catch (error) {
      this.reject(peer.address, error)
      return
    }
    // A slow answer is still an answer: the pull for it must not time out.
    if (text === undefined) this.#options.puller.extend(peer, now)
    else this.#receiveOne(peer.address, text, now, received)
  }

  /** A peer may have documents that we do not have; that is not an error. */
  #onUnknownDocument(peer: Peer, name: string, { digest, update, vector }: DocState): void {
    const { counters, limits } = this.#options
    if (digest !== undefined && peer.digests.size < limits.documents) peer.digests.set(name, digest)
    // The peer may not know yet that we have closed the document: counted, but not reported.
    if (update || vector) counters.reject('unknown_document')
  }

  /** Counts and reports a rejection; throws any other error. */
  reject(from: string, error: unknown, document?: string): void {
    if (!(error instanceof Rejection)) throw error
    this.#options.counters.reject(error.reason)
    const { reason, message } = error
    const of = document !== undefined && { document }
    this.#options.emit({ type: 'refused', from, ...of, reason, message })
    const { peers } = this.#options
    // The score of a sender that is not read is of no use, and would need a place.
    if (peers.access.refusal(from)) return
    if (!peers.scores.rejected(from, reason, this.#now)) return
    const why = `too many messages were rejected, the last one because: ${message}`
    this.#options.emit({ type: 'refused', from, reason: 'grey_listed', message: why })
  }
}
