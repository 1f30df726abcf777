/**
 * The messages of the y-websocket protocol: a type, and for most of them bytes that y-protocols
 * defines. Each WebSocket message is one of them.
 *
 * ```js
 * readFrame(Uint8Array.of(0, 0, 1, 0))   // { type: 'step1', vector: Uint8Array [0] }
 * socket.send(updateFrame(update))
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/**
 * Closes a connection that would end the same again: clients of y-websocket do not come back after
 * 4400 to 4499. After any other code, 1008 among them, they send what was refused again for ever.
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
  /** what the sender has, to be answered by what it lacks */
  | { readonly type: 'step1'; readonly vector: Uint8Array }
  /** a V1 update, in answer to our step 1 or on its own */
  | { readonly type: 'update'; readonly update: Uint8Array }
  | { readonly type: 'awareness'; readonly update: Uint8Array }
  /** wants all awareness states */
  | { readonly type: 'query' }

/** What a client sent cannot be read. */
export class BadFrame extends Error {
  override readonly name = 'BadFrame'
  /** The WebSocket's close code: 1002 for a message nobody knows, 1007 for a broken one. */
  readonly code: 1002 | 1007

  constructor(code: 1002 | 1007, message: string) {
    super(message)
    this.code = code
  }
}

/** Runs `read`; what it throws (lib0 throws at the end of the bytes) becomes a BadFrame. */
export const reading = <T>(what: string, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadFrame) throw error
    throw new BadFrame(1007, `${what}: ${error instanceof Error ? error.message : error}`)
  }
}

/** The rest of the bytes, which must be one array with its length before it. */
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

/** Throws a BadFrame. What it returns are views of `bytes`. */
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

/** The payload is copied once: a whole document may be tens of megabytes. */
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

/** An awareness update about nobody: nothing to a client, but a sign of life. */
export const ALIVE_FRAME: Uint8Array = awarenessFrame(Uint8Array.of(0))
