/**
 * A sealed message: AES-256-GCM over the packed text of a push, inside a `gossip_push` that shows
 * nothing of it. Sender and receiver are bound to it, so that it cannot be turned round or sent on.
 *
 * ```ts
 * const text = seal(keys, route, numbers.next(), push, 0)
 * openSealed(keys, route, text)      // { number, text: push, flags: 0 }
 * ```
 */
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { SwarmKeys } from './keys.ts'
import { pack, unpack } from './packing.ts'

const CIPHER = 'aes-256-gcm'

/** Bytes of a message's number, which is the nonce of its sender's key: it is never used again. */
export const NUMBER_BYTES = 12

const TAG_BYTES = 16

/** The form of a push, so that the seed's readers see one; what it holds is for members alone. */
const HEAD = '{"type":"gossip_push","version":0,"state":{"sealed":"'
const MIDDLE = '"},"sender":"","timestamp":"0","swarm":"'
const TAIL = '","format":2}'

/** Bytes of a text at most, as those of a transport. What inflates to more is refused. */
const MAX_TEXT_BYTES = 16 * 2 ** 20

/** Who sends to whom. */
export interface Route {
  readonly from: string
  readonly to: string
}

export interface Opened {
  /** The number that the sender gave it, which it uses once. */
  readonly number: Buffer
  readonly text: string
  /** A byte for the two programs, beside the text. */
  readonly flags: number
}

/** Bytes that an envelope needs, besides four thirds of what it holds. */
const ENVELOPE_BYTES = HEAD.length + MIDDLE.length + TAIL.length + 64

/**
 * The longest text that fits into `max` bytes. A push is mostly base64, which is packed as three
 * quarters of it and becomes as long as before; a fiftieth is for what is none.
 */
export const fittingBytes = (max: number): number =>
  Math.max(1, Math.floor((max - ENVELOPE_BYTES) * 0.98) - 512)

const boundTo = ({ from, to }: Route, tag: string): Buffer =>
  Buffer.from(JSON.stringify([from, to, tag]))

/** The tag that a sealed message names; undefined for any other text. */
export const tagOf = (text: string): string | undefined => {
  if (!text.startsWith(HEAD) || !text.endsWith(TAIL)) return undefined
  const at = text.lastIndexOf(MIDDLE)
  return at < HEAD.length ? undefined : text.slice(at + MIDDLE.length, -TAIL.length)
}

export const seal = (
  keys: SwarmKeys,
  route: Route,
  number: Buffer,
  text: string,
  flags: number,
): string => {
  const cipher = createCipheriv(CIPHER, keys.of(route.from), number)
  cipher.setAAD(boundTo(route, keys.tag))
  const body = [
    number,
    cipher.update(Buffer.concat([Buffer.of(flags), pack(text)])),
    cipher.final(),
    cipher.getAuthTag(),
  ]
  return `${HEAD}${Buffer.concat(body).toString('base64')}${MIDDLE}${keys.tag}${TAIL}`
}

/** Undefined unless `route.from` sealed it, for `route.to`, with these keys. Never throws. */
export const openSealed = (keys: SwarmKeys, route: Route, text: string): Opened | undefined => {
  const at = text.lastIndexOf(MIDDLE)
  const body = Buffer.from(text.slice(HEAD.length, at), 'base64')
  if (body.length <= NUMBER_BYTES + TAG_BYTES) return undefined
  const number = body.subarray(0, NUMBER_BYTES)
  try {
    const decipher = createDecipheriv(CIPHER, keys.of(route.from), number)
    decipher.setAAD(boundTo(route, keys.tag))
    decipher.setAuthTag(body.subarray(-TAG_BYTES))
    const plain = decipher.update(body.subarray(NUMBER_BYTES, -TAG_BYTES))
    decipher.final()
    // Only now it is known who wrote it.
    return { number, text: unpack(plain.subarray(1), MAX_TEXT_BYTES), flags: plain[0]! }
  } catch {
    return undefined
  }
}
