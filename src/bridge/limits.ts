/**
 * Limits of what clients of the bridge may cost the agent. A client that only edits a document reaches
 * none of them. One that does is slowed down, or cut with a reason, or its state is ignored.
 *
 * ```js
 * new Bridge({ rooms, port: 1234, limits: { clients: 8 } })
 * ```
 */

const KiB = 1024
const MiB = 1024 * KiB

export interface BridgeLimits {
  /** Clients at a time. */
  readonly clients: number
  /** Clients at a time in one room. */
  readonly clientsPerRoom: number
  /** Rooms with clients at a time. */
  readonly rooms: number
  /** Bytes of one message from a client. */
  readonly frameBytes: number
  /** Bytes of messages from all clients that are not complete or not handled yet. */
  readonly heldBytes: number
  /** Messages and pings a second from one client, on average; twice as many at once. More is read later. */
  readonly framesPerSecond: number
  /** Bytes a second that one client sends or requests, on average. More is read later. */
  readonly bytesPerSecond: number
  /** Bytes that it may send or request at once. */
  readonly burstBytes: number
  /** Milliseconds of processing for one client a second, on average; four times as many at once. */
  readonly workMsPerSecond: number
  /** The same for all clients together. */
  readonly allWorkMsPerSecond: number
  /** Bytes that wait for one client to read them, without the answer to its sync step 1. */
  readonly sendBytes: number
  /** Bytes of answers to sync step 1 that wait for all clients. A single answer may be longer. */
  readonly answerBytes: number
  /** Bytes of a client's state vector. */
  readonly vectorBytes: number
  /** Awareness ids whose states one connection may set. */
  readonly awarenessIds: number
  /** Bytes of one awareness state, as JSON. */
  readonly awarenessBytes: number
  /** Milliseconds between two pings. A client that is silent for three is cut. */
  readonly heartbeatMs: number
  /** Milliseconds for the request that opens a connection. */
  readonly handshakeMs: number
  /** Milliseconds for a client to answer a close. */
  readonly closeMs: number
}

export const BRIDGE_LIMITS: BridgeLimits = {
  // Editors on one desk are a handful. Each costs some 50 KB while idle.
  clients: 256,
  // Each cursor move is sent to all others, and y-websocket clients send it back: if 128 move once, that is 16,000 messages.
  clientsPerRoom: 128,
  // Each is a document in memory. The agent limits its rooms itself.
  rooms: 64,
  // A map of 1,000,000 keys is about 60 MB. A client that has synced elsewhere may bring half of it.
  frameBytes: 32 * MiB,
  // Four of the longest messages. Otherwise all clients together could hold 8 GiB of incomplete ones.
  heldBytes: 128 * MiB,
  // Sixty cursor moves a second from 30 others, which y-websocket clients send back. An ignored one takes some 5 microseconds.
  framesPerSecond: 2_000,
  // A fast typist writes 2 KB a second; this is for pasting.
  bytesPerSecond: 8 * MiB,
  // The longest message and a whole document as the answer, at once.
  burstBytes: 64 * MiB,
  // A quarter of the time, also for a client that requests a large document again and again.
  workMsPerSecond: 250,
  // Half of the time is left for gossip.
  allWorkMsPerSecond: 500,
  // Some seconds of a busy room. A client that is further behind has less to read after a new sync.
  sendBytes: 16 * MiB,
  // Four of the largest documents in transit. Other clients try again a second later.
  answerBytes: 256 * MiB,
  // 110,000 writers of 53 bits. Decoded, an entry takes about 100 bytes.
  vectorBytes: MiB,
  // A client has one. The others are for clients that relay.
  awarenessIds: 32,
  // A name, a color and a selection take 300 bytes. Each change is sent to all clients of the room.
  awarenessBytes: 16 * KiB,
  // y-websocket clients reconnect after 30 seconds without a message. A heartbeat is a message.
  heartbeatMs: 15_000,
  // A handshake takes milliseconds. An idle connection costs a descriptor.
  handshakeMs: 5_000,
  // A round trip takes milliseconds. A client that does not read never answers.
  closeMs: 2_000,
}

/** Fills in the defaults. Throws a TypeError for a limit that is not a positive number. */
export const bridgeLimits = (given: Partial<BridgeLimits> = {}): BridgeLimits => {
  const limits = { ...BRIDGE_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw new TypeError(`limit ${name} must be a positive number, not ${value}`)
    }
  }
  return limits
}
