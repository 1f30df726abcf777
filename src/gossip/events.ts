/**
 * What goes into gossip and what comes out. None of it is a socket, a timer or a promise, so the
 * same core runs over a real transport, in the demo and in a simulation of thousands of nodes.
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
  /** A transport delivered `text`. `from` is the address that the transport vouches for. */
  | { readonly type: 'message'; readonly from: string; readonly text: string }
  /**
   * Several messages, in the order in which they came. They are merged together, at the cost of
   * one.
   */
  | {
      readonly type: 'messages'
      readonly messages: readonly ReceivedMessage[]
      /** Further messages that are known to wait behind them; default 0. */
      readonly waiting?: number
    }
  /** A document was changed here: this one or, without a name, any. Its replica has the change. */
  | { readonly type: 'changed'; readonly document?: string }
  /** A send to that peer has succeeded. */
  | { readonly type: 'sent'; readonly to: string }
  /** A send to that peer has failed. The message may have arrived all the same. */
  | {
      readonly type: 'failed'
      readonly to: string
      /**
       * `peer` (default): the peer cannot be reached. `timeout`: no reply came in time, which may
       * be due to this host. `local`: nothing can be sent from here to any peer.
       */
      readonly cause?: 'peer' | 'timeout' | 'local'
      readonly failure?: SendFailure
    }
  /** Peers are named by the user (`given`) or by the transport's discovery (`found`). */
  | {
      readonly type: 'peers'
      readonly addresses: readonly string[]
      readonly source: 'given' | 'found'
    }
  /** Rights of addresses have changed: peers that are refused now are forgotten. */
  | { readonly type: 'access' }
  /** Awareness states have changed, from that number on; some peers get them. */
  | {
      readonly type: 'awareness'
      readonly document: string
      readonly since: number
      /** Only this peer, which has asked, gets them. */
      readonly to?: string
    }
  /** Pull what we lack of a document from a peer, now. */
  | { readonly type: 'pull'; readonly document: string }
  /** Push the batched changes now. */
  | { readonly type: 'flush' }
  /** Time has passed: `wakeAt` is reached. */
  | { readonly type: 'wake' }
  /** Make the next round now. */
  | { readonly type: 'round' }

export type GossipEffect =
  /**
   * Hand `text` to the transport, then report `sent` or `failed`. There is one send at a time for
   * each peer.
   */
  | { readonly type: 'send'; readonly to: string; readonly text: string }
  /** Something from the network was rejected. */
  | {
      readonly type: 'refused'
      readonly from: string
      /** Absent if the whole message is rejected. */
      readonly document?: string
      readonly reason: RejectionReason
      readonly message: string
    }
  /** A peer sent awareness states. */
  | {
      readonly type: 'awareness'
      readonly document: string
      readonly from: string
      readonly bytes: Uint8Array
    }
  /**
   * A peer with our digest has different content: two copies have written as one of these writers.
   */
  | {
      readonly type: 'diverged'
      readonly document: string
      readonly from: string
      readonly writers: readonly number[]
    }
  /** An observer of the document threw during a merge; the merge has succeeded. */
  | { readonly type: 'observer_failed'; readonly document: string; readonly error: unknown }
  /**
   * A single change, or the state vector of a pull, is longer than a message of this transport may
   * be.
   */
  | {
      readonly type: 'unsendable'
      readonly to: string
      readonly document: string
      readonly bytes: number
    }
