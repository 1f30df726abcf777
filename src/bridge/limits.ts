/**
 * What clients of the bridge may cost the agent. Nobody who only edits a document meets one of
 * these; who meets one is slowed down, told why and cut, or has what it said ignored.
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
  /** Rooms that have clients, at a time. */
  readonly rooms: number
  /** Bytes of one message from a client. */
  readonly frameBytes: number
  /** Bytes of messages from all clients that are not complete or not yet handled. */
  readonly heldBytes: number
  /** Messages and pings a second from one client, on average; twice as many at once. More is read later. */
  readonly framesPerSecond: number
  /** Bytes a second that one client sends or asks for, on average. More is read later. */
  readonly bytesPerSecond: number
  /** Bytes that it may send or ask for at once. */
  readonly burstBytes: number
  /** Milliseconds of our time that one client takes a second, on average; four times as many at once. */
  readonly workMsPerSecond: number
  /** The same for all clients together. */
  readonly allWorkMsPerSecond: number
  /** Bytes that wait for one client to read them, without its answer to a sync step 1. */
  readonly sendBytes: number
  /** Bytes of answers to sync step 1 that wait for their readers, of all clients; one alone may be longer. */
  readonly answerBytes: number
  /** Bytes of a client's state vector. */
  readonly vectorBytes: number
  /** Awareness ids that one connection may speak for. */
  readonly awarenessIds: number
  /** Bytes of one awareness state, as JSON. */
  readonly awarenessBytes: number
  /** Milliseconds between two pings; who is silent for three is cut. */
  readonly heartbeatMs: number
  /** Milliseconds for the request that opens a connection. */
  readonly handshakeMs: number
  /** Milliseconds that a client has to answer a close. */
  readonly closeMs: number
}

export const BRIDGE_LIMITS: BridgeLimits = {
  // Editors on one desk are a handful. Each costs some 50 KB while idle.
  clients: 256,
  // Each change of a cursor goes to all others, and y-websocket clients send it back: 128 make 16,000 messages of it a round.
  clientsPerRoom: 128,
  // Each is a document in memory; how many the agent opens in all it bounds itself.
  rooms: 64,
  // A map of 1,000,000 keys is about 60 MB; half of it comes from a client that synced elsewhere before.
  frameBytes: 32 * MiB,
  // Four of the longest messages; else all clients together could hold 8 GiB of unfinished ones.
  heldBytes: 128 * MiB,
  // Sixty cursor moves a second from 30 others, which y-websocket clients send back. An ignored one takes some 5 microseconds.
  framesPerSecond: 2_000,
  // A long text typed by a fast writer is 2 KB a second; this is for those who paste.
  bytesPerSecond: 8 * MiB,
  // The longest message and a whole document in answer, at once.
  burstBytes: 64 * MiB,
  // A quarter of the time: a client that lets us encode a large document again and again gets no more.
  workMsPerSecond: 250,
  // Half of the time is left for gossip, whoever is connected.
  allWorkMsPerSecond: 500,
  // Seconds of a busy room; who is behind by more has less to read after a new sync.
  sendBytes: 16 * MiB,
  // Four documents of the largest sort on their way; further askers come back a second later.
  answerBytes: 256 * MiB,
  // 110,000 writers of 53 bits. Decoded, an entry takes about 100 bytes.
  vectorBytes: MiB,
  // A client has one; a few more are there for clients that relay for others.
  awarenessIds: 32,
  // A name, a color and a selection take 300 bytes. It is sent to everyone in the room at each change.
  awarenessBytes: 16 * KiB,
  // y-websocket clients reconnect after 30 seconds without a message; the heartbeat brings one.
  heartbeatMs: 15_000,
  // A handshake takes milliseconds; a connection that only waits costs a descriptor.
  handshakeMs: 5_000,
  // A round trip is milliseconds; who does not read never answers.
  closeMs: 2_000,
}

/** The limits with the defaults where none is given; a TypeError for one that is no positive number. */
export const bridgeLimits = (given: Partial<BridgeLimits> = {}): BridgeLimits => {
  const limits = { ...BRIDGE_LIMITS, ...given }
  for (const [name, value] of Object.entries(limits)) {
    if (!(Number.isFinite(value) && value > 0)) {
      throw new TypeError(`limit ${name} must be a positive number, not ${value}`)
    }
  }
  return limits
}
