/**
 * What goes into gossip and what comes out. Nothing here is a socket, a timer or a promise,
 * so the same core runs over a real transport, in the demo and in a simulation of thousands.
 *
 * ```ts
 * for (const effect of gossip.handle({ type: 'message', from, text }, now)) {
 *   if (effect.type === 'send') transport.send(effect.to, effect.text)
 * }
 * ```
 */
import type { RejectionReason } from '../../crdt/index.ts'
import type { SendFailure } from './peers.ts'

/** `from` is the address that the transport vouches for. */
export interface ReceivedMessage {
  readonly from: string
  readonly text: string
}

export type GossipEvent =
  /** A transport brought `text`; `from` is the address the transport vouches for. */
  | { readonly type: 'message'; readonly from: string; readonly text: string }
  /** Several at once, in the order in which they came: merged together, at the cost of one. */
  | {
      readonly type: 'messages'
      readonly messages: readonly ReceivedMessage[]
      /** Further ones that are known to wait behind them; default 0. */
      readonly waiting?: number
    }
  /** A document was changed here: this one or, without a name, any. Its replica has the change. */
  | { readonly type: 'changed'; readonly document?: string }
  /** The send to that peer has ended well. */
  | { readonly type: 'sent'; readonly to: string }
  /** The send to that peer has failed; what it carried may have arrived all the same. */
  | {
      readonly type: 'failed'
      readonly to: string
      /**
       * `peer` (default): it cannot be reached. `timeout`: there was no answer in time, which may
       * be our own doing. `local`: nothing can be sent from here, whoever it is for.
       */
      readonly cause?: 'peer' | 'timeout' | 'local'
      readonly failure?: SendFailure
    }
  /** Somebody names peers: the user (`given`) or the transport's discovery (`found`). */
  | {
      readonly type: 'peers'
      readonly addresses: readonly string[]
      readonly source: 'given' | 'found'
    }
  /** Who is there has changed, from that number on: some peers are told. */
  | {
      readonly type: 'awareness'
      readonly document: string
      readonly since: number
      /** Only this peer is told: it has asked. */
      readonly to?: string
    }
  /** A peer is to be asked for what we lack of a document, now. */
  | { readonly type: 'pull'; readonly document: string }
  /** What was gathered is to be pushed now. */
  | { readonly type: 'flush' }
  /** Time has passed: `wakeAt` is reached. */
  | { readonly type: 'wake' }
  /** Push to everybody in turn now, without waiting for the round. */
  | { readonly type: 'round' }

export type GossipEffect =
  /** Hand `text` to the transport, then answer with `sent` or `failed`. One at a time for each peer. */
  | { readonly type: 'send'; readonly to: string; readonly text: string }
  /** Something from the network was not taken. */
  | {
      readonly type: 'refused'
      readonly from: string
      /** Absent where the message as a whole is refused. */
      readonly document?: string
      readonly reason: RejectionReason
      readonly message: string
    }
  /** A peer told who is there. */
  | {
      readonly type: 'awareness'
      readonly document: string
      readonly from: string
      readonly bytes: Uint8Array
    }
  /** A peer with our digest holds something else: two have written as one of these writers. */
  | {
      readonly type: 'diverged'
      readonly document: string
      readonly from: string
      readonly writers: readonly number[]
    }
  /** An observer of the document threw while an update was merged; the merge has succeeded. */
  | { readonly type: 'observer_failed'; readonly document: string; readonly error: unknown }
  /** A single change, or the vector that asks, is longer than a message of this transport may be. */
  | {
      readonly type: 'unsendable'
      readonly to: string
      readonly document: string
      readonly bytes: number
    }
