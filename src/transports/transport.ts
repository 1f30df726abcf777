/**
 * What carries messages between agents. A transport knows addresses and bytes, but not the content
 * of a message, so the same gossip runs over memory, a folder or Pilot.
 *
 * The contract, which the suite in `pilot-gossip/testing` checks:
 *
 * - A message is a string; its size is the number of its UTF-8 bytes. It arrives whole and
 *   unchanged, or not at all. It may arrive twice, late, or out of order.
 * - `send` resolves when the message has left for the peer, which does not mean that the peer has
 *   read it. It rejects only with a `Failure`, always settles in bounded time, and a send that hangs
 *   delays no other send. Callers limit how many sends they start at once.
 * - `receive` is called for one message of a sender at a time. A message is consumed after `receive`
 *   has returned or its promise has resolved, so a crash before that does not lose it. If `receive`
 *   throws, the error goes to `onProblem` and the message is consumed, so that a poison message is
 *   not redelivered forever.
 * - A receiver with `receiveAll` gets all waiting messages at once instead, one batch at a time, with
 *   the messages of each sender in order. They are consumed together, after `receiveAll` has
 *   resolved or thrown.
 * - A transport whose messages outlive their receiver has `leave`. A receiver that ends for good calls
 *   it before `close`: peers can send nothing more, waiting messages are handed over within the given
 *   time (the others wait for the next `open`), and `close` then removes the place to which peers
 *   send. Own sends work until `close`. `leave` never rejects and may be called at any time.
 * - A transport is open once at a time: a second `open` rejects with `already_exists`. After `close`
 *   has resolved, nothing is received, `send` rejects with `closed`, and no timer, watcher or child
 *   process is left. `close` may be called during `open`, which then rejects with `closed`.
 * - After `close`, a transport can be opened again at the same address with other hooks. An `open`
 *   during a `close` waits for its end. Only the old hooks get messages that arrived before.
 * - Errors of hooks never escape from a timer, a watcher or a child process of the transport.
 *
 * ```ts
 * await transport.open({ accepts: () => true, receive: ({ from, text }) => take(from, text), onProblem })
 * await transport.send(await transport.resolve('bob'), 'hello')
 * ```
 */
import type { Failure } from '../errors.ts'
import type { SealStatus } from './seal-status.ts'

export interface Incoming {
  /** The sender's address as the transport knows it, not as the message claims it. */
  readonly from: string
  readonly text: string
}

export type Receive = (incoming: Incoming) => void | Promise<void>

export interface TransportHooks {
  /** Called for each message that `accepts` has accepted. */
  readonly receive: Receive
  /**
   * Called instead of `receive`, if it is given, with all messages that wait: a thousand of them then
   * cost the receiver one merge and one flush. `waiting` is the number of further messages, as far as
   * the transport knows.
   */
  readonly receiveAll?: (batch: readonly Incoming[], waiting: number) => void | Promise<void>
  /**
   * Is this message for the receiver? Transports whose inbox is shared with other programs ask it,
   * and leave other messages untouched. Must not throw.
   */
  readonly accepts: (text: string) => boolean
  /** Called for failures that no caller waits for, such as an unreadable inbox or a daemon that is down. */
  readonly onProblem: (problem: Failure) => void
}

export interface Transport {
  /** `memory`, `mailbox`, `pilot` */
  readonly kind: string
  /** This agent's address, as peers see it in `from`; empty before `open`. */
  readonly address: string
  /** The swarm that it is bound to. Absent: it is bound to none. */
  readonly swarm?: string
  /** The longest message that `send` takes, in UTF-8 bytes. Read it after `open`. */
  readonly maxMessageBytes: number
  /** How messages are sealed (see `sealed/`). Absent: anybody who can send to this agent can write. */
  readonly seal?: SealStatus | undefined
  /** Starts to receive. Rejects with a Failure, and may then be called again. */
  open(hooks: TransportHooks): Promise<void>
  /** Sends `text` to the peer at `to`. */
  send(to: string, text: string): Promise<void>
  /** Addresses that may be of the swarm, without its own. Bounded in time; one bad peer does not make it reject. */
  discover(): Promise<readonly string[]>
  /** The address from which messages of `name` (a hostname, a node id, an address) come. */
  resolve(name: string): Promise<string>
  /** Can only this transport reach that address? Then it is not shared with peers. Absent: no address is private. */
  isPrivate?(address: string): boolean
  /** Can this transport reach that address? Absent: it may reach any. */
  canReach?(address: string): boolean
  /**
   * The addresses that the transport itself trusts or, with a number, the members of that network of
   * it. Bounded in time. Rejects with a Failure if it cannot tell now. Absent: it has no notion of trust.
   */
  trusted?(network?: number): Promise<readonly string[]>
  /** Accepts no more messages, and hands over those that have arrived, for `handOverMs` at most. */
  leave?(handOverMs: number): Promise<void>
  /** Stops to receive. Never rejects, and may be called twice. */
  close(): Promise<void>
}
