/**
 * What carries messages between agents. A transport knows addresses and bytes, and
 * nothing of what a message says: the same gossip runs over memory, a folder or Pilot.
 *
 * The contract, which the suite in `pilot-gossip/testing` checks:
 *
 * - A message is a string; its size is that of its UTF-8 bytes. It arrives whole and
 *   unchanged, or not at all. It may arrive twice, late, or in another order.
 * - `send` resolves when the message has left for the peer (which does not mean that it
 *   was read) and rejects with a `Failure`; it never rejects with anything else, always
 *   settles in bounded time, and a send that hangs holds up no other send. Callers bound
 *   how many they start at once.
 * - `receive` is called for one message at a time for one sender. A message is consumed
 *   only after `receive` has returned (or its promise has resolved): a crash before that
 *   leaves it where it waits. When `receive` throws, the error is told through `onProblem`
 *   and the message is consumed: a poisonous message must not come back for ever.
 * - A receiver with `receiveAll` gets all that waits at once instead, one batch at a time and in
 *   the order in which the messages of one sender came. What was just said of `receive` holds for
 *   the batch: its messages are consumed together, after `receiveAll` has resolved.
 * - Where messages outlive their receiver there is `leave`, to be called before the `close` of a
 *   receiver that ends for good: peers can send nothing more, what they have sent is handed over
 *   (within the time given; what is not waits for the next `open`), and `close` then removes all
 *   that peers would send to. Our own sends work until `close`. It never rejects, and may be called
 *   at any time.
 * - It is open once at a time: `open` rejects with `already_exists` while it is. After `close` has
 *   resolved nothing is received, `send` rejects with `closed`, and no timer, watcher or child
 *   process of the transport is left. `close` may be called while it opens: `open` then rejects
 *   with `closed`, and nothing is open.
 * - After `close` it can be opened again, with other hooks, at the same address; an `open` while
 *   it closes waits for the end of that. What was received before comes to the old hooks alone.
 * - Nothing that hooks throw comes out of a timer, a watcher or a child process of the transport.
 *
 * ```ts
 * await transport.open({ accepts: () => true, receive: ({ from, text }) => take(from, text), onProblem })
 * await transport.send(await transport.resolve('bob'), 'hello')
 * ```
 */
import type { Failure } from '../errors.ts'

export interface Incoming {
  /** The sender's address as the transport knows it, never as the message claims it. */
  readonly from: string
  readonly text: string
}

export type Receive = (incoming: Incoming) => void | Promise<void>

export interface TransportHooks {
  /** Called for each message that is ours. */
  readonly receive: Receive
  /**
   * Called in its place, where it is given, with all that has come meanwhile: a thousand waiting
   * messages then cost the receiver one merge and one flush. `waiting`: how many further messages
   * wait behind them, as far as the transport knows.
   */
  readonly receiveAll?: (batch: readonly Incoming[], waiting: number) => void | Promise<void>
  /**
   * Is this waiting message for us? Asked by transports whose inbox is shared with
   * others; what is refused here is never touched. Must not throw.
   */
  readonly accepts: (text: string) => boolean
  /** Told of trouble that no caller waits for: an unreadable inbox, a daemon that is down. */
  readonly onProblem: (problem: Failure) => void
}

export interface Transport {
  /** `memory`, `mailbox`, `pilot` */
  readonly kind: string
  /** Own address, as peers see it in `from`; empty before `open`. */
  readonly address: string
  /** The swarm it is bound to, where it is bound to one. */
  readonly swarm?: string
  /** The longest message `send` takes, in bytes of UTF-8; read it after `open`. */
  readonly maxMessageBytes: number
  /** Starts to receive. Rejects with a Failure when there is nothing to open; may then be tried again. */
  open(hooks: TransportHooks): Promise<void>
  /** Hands `text` over to the peer at `to`. */
  send(to: string, text: string): Promise<void>
  /** Addresses that may be of the swarm, without our own; bounded in time, never rejects for one bad peer. */
  discover(): Promise<readonly string[]>
  /** The address that messages from `name` (a hostname, a node id, an address) will come from. */
  resolve(name: string): Promise<string>
  /** Can only this side reach that address? Then it is not named to peers. Absent: none is such. */
  isPrivate?(address: string): boolean
  /** Can that address be reached from here? Absent: any may be. */
  canReach?(address: string): boolean
  /** Takes no more messages, and hands over what has come, for `handOverMs` at most. */
  leave?(handOverMs: number): Promise<void>
  /** Stops, until it is opened again; may be called twice. Never rejects. */
  close(): Promise<void>
}
