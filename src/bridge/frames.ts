/**
 * The messages of the y-websocket protocol. Each is one WebSocket message: a type, and for most types
 * bytes that y-protocols defines.
 *
 * ```js
 * readFrame(Uint8Array.of(0, 0, 1, 0))   // { type: 'step1', vector: Uint8Array [0] }
 * socket.send(updateFrame(update))
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/**
 * Closes a connection for good: clients of y-websocket do not reconnect after 4400 to 4499. After any
 * other code, such as 1008, they reconnect and send the refused message again, forever.
 */
export const PERMANENT = 4400

const SYNC = 0
const AWARENESS = 1
const AUTH = 2
const QUERY_AWARENESS = 3

const STEP_1 = 0
const STEP_2 = 1
const UPDATE = 2

const PERMISSION_DENIED = 0

export type Frame =
  /** the state vector of the sender; the answer is what it lacks */
  | { readonly type: 'step1'; readonly vector: Uint8Array }
  /** a V1 update, in answer to our step 1 or on its own */
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** queries all awareness states */
  | { readonly type: 'query' }

/** A message from a client that cannot be read. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame'
  /** The close code of the WebSocket: 1002 for an unknown message, 1007 for a malformed one. */
  readonly code: 1002 | 1007

  constructor(code: 1002 | 1007, message: string) {
    super(message)
    this.code = code
  }
}

/** Runs `read`. An error that it throws (lib0 throws at the end of the bytes) becomes a BadFrame. */
export const reading = <T>(what: string, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadFrame) throw error
    throw new BadFrame(1007, `${what}: ${error instanceof Error ? error.message : error}`)
  }
}

/** Reads the rest of the bytes, which must be one array with its length in front. */
const readLast = (decoder: decoding.Decoder): Uint8Array => {
  const bytes = decoding.readVarUint8Array(decoder)
  if (decoding.hasContent(decoder)) throw new BadFrame(1007, 'bytes follow the message')
  return bytes
}

const readSync = (decoder: decoding.Decoder): Frame => {
  const step = decoding.readVarUint(decoder)
  if (step === STEP_1) return { type: 'step1', vector: readLast(decoder) }
  if (step === STEP_2 || step === UPDATE) return { type: 'update', update: readLast(decoder) }
  throw new BadFrame(1002, `no sync message has number ${step}`)
}

/** Throws a BadFrame. The result holds views of `bytes`. */
export const readFrame = (bytes: Uint8Array): Frame =>
  reading('message', () => {
    const decoder = decoding.createDecoder(bytes)
    const type = decoding.readVarUint(decoder)
    if (type === SYNC) return readSync(decoder)
    if (type === AWARENESS) return { type: 'awareness', update: readLast(decoder) }
    if (type !== QUERY_AWARENESS) throw new BadFrame(1002, `no message has number ${type}`)
    if (decoding.hasContent(decoder)) throw new BadFrame(1007, 'bytes follow the message')
    return { type: 'query' }
  })

/** Copies the payload only once: a whole document may be tens of megabytes. */
const frame = (head: readonly number[], payload: Uint8Array): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const number of head) encoding.writeVarUint(encoder, number)
  encoding.writeVarUint(encoder, payload.length)
  const start = encoding.toUint8Array(encoder)
  const bytes = new Uint8Array(start.length + payload.length)
  bytes.set(start)
  bytes.set(payload, start.length)
  return bytes
}

export const step1Frame = (vector: Uint8Array): Uint8Array => frame([SYNC, STEP_1], vector)

export const step2Frame = (update: Uint8Array): Uint8Array => frame([SYNC, STEP_2], update)

export const updateFrame = (update: Uint8Array): Uint8Array => frame([SYNC, UPDATE], update)

export const awarenessFrame = (update: Uint8Array): Uint8Array => frame([AWARENESS], update)

export const deniedFrame = (reason: string): Uint8Array =>
  frame([AUTH, PERMISSION_DENIED], new TextEncoder().encode(reason))

/** The first byte of a WebSocket message that is binary and complete, as RFC 6455 has it. */
const FINAL_BINARY = 0x82

/**
 * The frame as it goes over the wire: a WebSocket message of a server, which is not masked. Made once
 * for all clients; `ws` would make a header for each and write it beside the frame.
 */
export const messageOf = (frame: Uint8Array): Uint8Array => {
  const { length } = frame
  const headLength = length < 126 ? 2 : length < 2 ** 16 ? 4 : 10
  const message = new Uint8Array(headLength + length)
  const view = new DataView(message.buffer)
  message[0] = FINAL_BINARY
  if (headLength === 2) message[1] = length
  else if (headLength === 4) {
    message[1] = 126
    view.setUint16(2, length)
  } else {
    message[1] = 127
    view.setBigUint64(2, BigInt(length))
  }
  message.set(frame, headLength)
  return message
}

/** An awareness update without states: clients ignore it, but count it as a sign of life. */
export const ALIVE_FRAME: Uint8Array = awarenessFrame(Uint8Array.of(0))
