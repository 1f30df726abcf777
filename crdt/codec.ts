/**
 * Encodes and decodes `gossip_push` messages. Decoding checks shape and bounds. The bytes of an
 * update stay packed until they are needed, so that known updates are never unpacked.
 *
 * ```js
 * const text = encodePush(push)
 * decodePush(text, 'kv').sender       // throws a Rejection
 * ```
 */
import { toBase64 } from 'lib0/buffer'
import * as Y from 'yjs'
import type { Clocks } from './delta.ts'
import {
  check,
  isObject,
  type JsonObject,
  readBase64,
  readBytes,
  readCount,
  readDigest,
  readName,
  show,
} from './fields.ts'
import { decodeWriters, encodeWriters } from './fingerprint.ts'
import { STATE_PATTERN } from './history.ts'
import { LIMITS, type Limits } from './limits.ts'
import {
  type DocState,
  type Format,
  type Fragment,
  MESSAGE_FORMAT,
  MESSAGE_TYPE,
  type Missing,
  type NewPush,
  OLDEST_FORMAT,
  type PackedUpdate,
  type Push,
} from './message.ts'
import { Rejection } from './rejection.ts'
import { textBytes } from './text.ts'

const encodeUpdate = ({ needs, told, ...update }: PackedUpdate): JsonObject => ({
  ...update,
  ...(needs && { needs: toBase64(Y.encodeStateVector(new Map(needs))) }),
  ...(told && told.length > 0 && { told }),
})

const encodeState = (state: DocState): JsonObject => {
  const { update, digest, content, writers, vector, deletes, ranges, awareness } = state
  const { answer, more, enough, partial } = state
  return {
    ...(digest !== undefined && { digest }),
    ...(content !== undefined && { content }),
    ...(writers && { writers: toBase64(encodeWriters(writers)) }),
    ...(vector && { vector: toBase64(vector) }),
    ...(deletes && { deletes: toBase64(deletes) }),
    ...(ranges && { ranges: toBase64(ranges) }),
    ...(update && { update: encodeUpdate(update) }),
    ...(awareness && { awareness: toBase64(awareness) }),
    ...(answer && { answer }),
    ...(more && { more }),
    ...(enough && { enough }),
    ...(partial && { partial }),
  }
}

/** One line of JSON. The five fields of the seed's message come first, with their types. */
export const encodePush = ({ format = MESSAGE_FORMAT, ...push }: NewPush): string =>
  JSON.stringify({
    type: MESSAGE_TYPE,
    version: push.version,
    state: Object.fromEntries([...push.state].map(([name, state]) => [name, encodeState(state)])),
    sender: push.sender,
    timestamp: String(push.timestamp),
    swarm: push.swarm,
    format,
    ...(format !== MESSAGE_FORMAT && { reads: MESSAGE_FORMAT }),
    ...(push.documents !== undefined && push.documents > 1 && { documents: push.documents }),
    ...(push.members.length > 0 && { members: push.members }),
    ...(push.fragment && { fragment: push.fragment }),
    ...(push.missing && { missing: push.missing }),
  })

const readClocks = (value: unknown, what: string): Clocks => {
  const bytes = readBytes(value, what)
  try {
    return Y.decodeStateVector(bytes)
  } catch (error) {
    throw new Rejection('malformed', `${what} is not a state vector: ${show(value)}`, error)
  }
}

/** The digest of a state or a content. */
const readTreeHash = (value: unknown, what: string): string => {
  const ok = typeof value === 'string' && STATE_PATTERN.test(value)
  check(ok, 'malformed', () => `${what} is ${show(value)}, not 22 characters of base64`)
  return value as string
}

/** Newer formats than ours are read as ours: the sender goes on writing ours for us. */
const readReads = (value: unknown, format: Format): Format => {
  if (value === undefined) return format
  return readCount(value, 'reads') >= MESSAGE_FORMAT ? MESSAGE_FORMAT : OLDEST_FORMAT
}

const readWriters = (value: unknown): Map<number, string> => {
  const bytes = readBytes(value, 'writers')
  try {
    return decodeWriters(bytes)
  } catch (error) {
    throw new Rejection('malformed', `writers is not a list of fingerprints: ${show(value)}`, error)
  }
}

const readMembers = (value: unknown, what: string, limits: Limits): string[] => {
  if (value === undefined) return []
  if (!Array.isArray(value))
    throw new Rejection('malformed', `${what} is ${show(value)}, not an array`)
  check(
    value.length <= limits.members,
    'too_many',
    () => `${value.length} addresses in ${what}, at most ${limits.members} are allowed`,
  )
  return value.map((member) => readName(member, 'member', limits))
}

const readUpdate = (value: unknown, limits: Limits): PackedUpdate => {
  if (!isObject(value)) throw new Rejection('malformed', `update is ${show(value)}, not an object`)
  const { encoding } = value
  if (encoding !== 'v1' && encoding !== 'v1+deflate') {
    throw new Rejection(
      'wrong_encoding',
      `update is encoded as ${show(encoding)}: only V1 is accepted`,
    )
  }
  return {
    data: readBase64(value.data, 'update.data'),
    encoding,
    length: readCount(value.length, 'update.length'),
    digest: readDigest(value.digest, 'update.digest'),
    ...(value.needs !== undefined && { needs: readClocks(value.needs, 'update.needs') }),
    ...(value.told !== undefined && { told: readMembers(value.told, 'told', limits) }),
  }
}

/** Fields that only newer formats have, or have in another form. */
const readTree = (value: JsonObject, format: Format): DocState => {
  if (format === OLDEST_FORMAT) {
    return value.digest === undefined ? {} : { digest: readDigest(value.digest, 'state digest') }
  }
  return {
    ...(value.digest !== undefined && { digest: readTreeHash(value.digest, 'state digest') }),
    ...(value.content !== undefined && { content: readTreeHash(value.content, 'content') }),
    ...(value.writers !== undefined && { writers: readWriters(value.writers) }),
    ...(value.ranges !== undefined && { ranges: readBytes(value.ranges, 'ranges') }),
  }
}

const readState = (value: unknown, format: Format, limits: Limits): DocState => {
  if (!isObject(value)) throw new Rejection('malformed', `state is ${show(value)}, not an object`)
  const state: DocState = {
    ...(value.update !== undefined && { update: readUpdate(value.update, limits) }),
    ...readTree(value, format),
    ...(value.vector !== undefined && { vector: readBytes(value.vector, 'vector') }),
    ...(value.deletes !== undefined && { deletes: readBytes(value.deletes, 'deletes') }),
    ...(value.awareness !== undefined && { awareness: readBytes(value.awareness, 'awareness') }),
    ...(value.answer === true && { answer: true }),
    ...(value.more === true && { more: true }),
    ...(value.enough === true && { enough: true }),
    ...(value.partial === true && { partial: true }),
  }
  check(
    Boolean(state.update || state.digest || state.vector || state.ranges || state.awareness),
    'malformed',
    () => `state has no update, digest, vector or awareness: ${show(value)}`,
  )
  return state
}

const readStates = (value: unknown, format: Format, limits: Limits): Map<string, DocState> => {
  if (!isObject(value)) throw new Rejection('malformed', `state is ${show(value)}, not an object`)
  const entries = Object.entries(value)
  check(
    entries.length <= limits.documents,
    'too_many',
    () => `${entries.length} documents, at most ${limits.documents} are allowed`,
  )
  const states = new Map<string, DocState>()
  for (const [name, state] of entries) {
    readName(name, 'document name', limits)
    states.set(name, readState(state, format, limits))
  }
  return states
}

const readFragment = (value: unknown, limits: Limits): Fragment => {
  if (!isObject(value))
    throw new Rejection('malformed', `fragment is ${show(value)}, not an object`)
  const { data } = value
  const index = readCount(value.index, 'fragment.index')
  const count = readCount(value.count, 'fragment.count')
  const bytes = readCount(value.bytes, 'fragment.bytes')
  check(
    count <= limits.fragments,
    'too_many',
    () => `${count} fragments, at most ${limits.fragments} are allowed`,
  )
  check(
    bytes <= limits.messageBytes,
    'too_large',
    () => `fragments of ${bytes} bytes, at most ${limits.messageBytes} are allowed`,
  )
  check(index < count, 'malformed', () => `fragment ${index} of ${count}`)
  if (typeof data !== 'string' || data === '') {
    throw new Rejection('malformed', `fragment.data is ${show(data)}, not a non-empty string`)
  }
  return { of: readDigest(value.of, 'fragment.of'), index, count, bytes, data }
}

const readMissing = (value: unknown, limits: Limits): Missing => {
  if (!isObject(value)) throw new Rejection('malformed', `missing is ${show(value)}, not an object`)
  const { indexes } = value
  if (!Array.isArray(indexes))
    throw new Rejection('malformed', `missing.indexes is ${show(indexes)}`)
  check(
    indexes.length <= limits.fragments,
    'too_many',
    () => `${indexes.length} missing fragments, at most ${limits.fragments} are allowed`,
  )
  return {
    of: readDigest(value.of, 'missing.of'),
    indexes: indexes.map((index) => readCount(index, 'missing.indexes')),
  }
}

/**
 * Parses a message and checks that it is a push; throws a Rejection. `parsed` is the value of a
 * text that was parsed before; the length is checked in any case.
 */
export const parseMessage = (text: string, limits: Limits, parsed?: unknown): JsonObject => {
  checkLength(text, limits)
  const value = parsed ?? parseJson(text)
  if (!isObject(value) || value.type !== MESSAGE_TYPE) {
    throw new Rejection('malformed', `not a ${MESSAGE_TYPE}: ${show(value)}`)
  }
  return value
}

const checkLength = (text: string, limits: Limits): void => {
  // A UTF-16 unit takes one to three bytes, so hardly any text needs counting.
  const isShort = text.length * 3 <= limits.messageBytes
  const isLong = text.length > limits.messageBytes
  const bytes = isShort || isLong ? text.length : textBytes(text)
  check(
    bytes <= limits.messageBytes,
    'too_large',
    () => `message of ${bytes} bytes, at most ${limits.messageBytes} are allowed`,
  )
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Rejection('malformed', `not JSON: ${(error as Error).message}`, error)
  }
}

/** Decodes and checks a push of `swarm`; throws a Rejection that says what is wrong with it. */
export const decodePush = (text: string, swarm: string, limits: Limits = LIMITS): Push =>
  decodeParsed(parseMessage(text, limits), swarm, limits)

/** Decodes and checks a parsed push of `swarm`; throws a Rejection. */
export const decodeParsed = (value: JsonObject, swarm: string, limits: Limits): Push => {
  if (value.swarm !== swarm) {
    throw new Rejection('wrong_swarm', `push of swarm ${show(value.swarm)}, not of "${swarm}"`)
  }
  const { format } = value
  if (format !== MESSAGE_FORMAT && format !== OLDEST_FORMAT) {
    const known = `${OLDEST_FORMAT} or ${MESSAGE_FORMAT}`
    throw new Rejection('wrong_format', `format ${show(format)}, not ${known}`)
  }
  check(
    typeof value.timestamp === 'string' && /^\d{1,15}$/.test(value.timestamp),
    'malformed',
    () => `timestamp is ${show(value.timestamp)}, not Unix seconds in a string`,
  )
  return {
    format,
    reads: readReads(value.reads, format),
    version: readCount(value.version, 'version'),
    state: readStates(value.state, format, limits),
    sender: readName(value.sender, 'sender', limits),
    timestamp: Number(value.timestamp),
    swarm,
    ...(value.documents !== undefined && { documents: readCount(value.documents, 'documents') }),
    members: readMembers(value.members, 'members', limits),
    ...(value.fragment !== undefined && { fragment: readFragment(value.fragment, limits) }),
    ...(value.missing !== undefined && { missing: readMissing(value.missing, limits) }),
  }
}
