/**
 * Documents for tests: random changes to them, the oracle that says whether replicas have
 * converged, a writer of hostile updates, and golden files.
 *
 * ```ts
 * const a = replicaOf(1)
 * change(a.doc, random)
 * settle([a, b])
 * assertConverged([a, b])
 * ```
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { type Delta, type Limits, type Platform, Rejection, Replica } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import type { Random } from './random.ts'

export { forge, forged, type Struct } from '../../src/hostile/forge.ts'

/** A document with a fixed writer id, so that its bytes are the same in each run. */
export const docOf = (writer: number, options: { gc?: boolean } = {}): Y.Doc => {
  const doc = new Y.Doc(options)
  doc.clientID = writer
  return doc
}

export const replicaOf = (
  writer: number,
  options: { gc?: boolean; limits?: Limits; platform?: Platform } = {},
): Replica => {
  const { gc = true, limits, platform = nodePlatform } = options
  return new Replica(docOf(writer, { gc }), platform, limits ? { limits } : {})
}

/** Node's platform, which counts its calls. */
export const spyPlatform = (): Platform & { hashed: number; inflated: number[] } => {
  const spy = {
    hashed: 0,
    inflated: [] as number[],
    sha256: (bytes: Uint8Array) => {
      spy.hashed++
      return nodePlatform.sha256(bytes)
    },
    deflate: (bytes: Uint8Array) => nodePlatform.deflate(bytes),
    inflate: (bytes: Uint8Array, maxBytes: number) => {
      spy.inflated.push(maxBytes)
      return nodePlatform.inflate(bytes, maxBytes)
    },
  }
  return spy
}

const KEYS = ['a', 'b', 'c', 'd', 'e', 'key', 'ключ']

const scalar = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => random.int(-5, 1_000_000),
    () => random.text(random.int(0, 12)),
    () => random.chance(0.5),
    () => null,
    () => [1, { deep: random.text(3) }],
    () => new Uint8Array([random.int(0, 255), 7]),
  ])()

type Shared = Y.Map<unknown> | Y.Array<string | number> | Y.Text

const shared = (random: Random): Shared =>
  random.pick<() => Shared>([
    () => new Y.Map([['in', random.int(0, 9)]]),
    () => Y.Array.from<string | number>([random.int(0, 9), random.text(2)]),
    () => new Y.Text(random.letters(4)),
  ])()

const changeMap = (map: Y.Map<unknown>, random: Random): void => {
  const key = random.pick(KEYS)
  const inner = map.get(key)
  if (inner instanceof Y.AbstractType && random.chance(0.6)) changeType(inner, random)
  else if (random.chance(0.25)) map.delete(key)
  else map.set(key, random.chance(0.35) ? shared(random) : scalar(random))
}

const changeArray = (array: Y.Array<unknown>, random: Random): void => {
  const index = random.int(0, array.length)
  const inner = index < array.length ? array.get(index) : undefined
  if (inner instanceof Y.AbstractType && random.chance(0.5)) changeType(inner, random)
  else if (array.length > 0 && random.chance(0.35)) {
    const at = random.int(0, array.length - 1)
    array.delete(at, random.int(1, Math.min(3, array.length - at)))
  } else if (random.chance(0.3)) array.insert(index, [shared(random)])
  else array.insert(index, [scalar(random), scalar(random)])
}

/**
 * Letters of one UTF-16 unit only: an edit that cuts an emoji in half makes Yjs 13 itself diverge
 * (29 of 200 such histories: equal snapshots, different text).
 */
const changeText = (text: Y.Text, random: Random): void => {
  const at = random.int(0, text.length)
  const room = text.length - at
  if (room > 0 && random.chance(0.3)) text.delete(at, random.int(1, Math.min(4, room)))
  else if (room > 0 && random.chance(0.2)) {
    text.format(at, random.int(1, room), { bold: random.pick([true, null]) })
  } else if (random.chance(0.1)) text.insertEmbed(at, { image: random.text(2) })
  else text.insert(at, random.letters(random.int(1, 6)))
}

const changeType = (type: unknown, random: Random): void => {
  if (type instanceof Y.Map) changeMap(type, random)
  else if (type instanceof Y.Array) changeArray(type, random)
  else if (type instanceof Y.Text) changeText(type, random)
}

/** One random transaction of one to three changes: nested maps, arrays, rich text, overwrites, deletes. */
export const change = (doc: Y.Doc, random: Random): void => {
  doc.transact(() => {
    for (let i = random.int(1, 3); i > 0; i--) {
      random.pick([
        () => changeMap(doc.getMap('map'), random),
        () => changeArray(doc.getArray('list'), random),
        () => changeText(doc.getText('text'), random),
      ])()
    }
  })
}

/** The content of all root types that `change` writes. */
export const contentOf = (doc: Y.Doc): unknown => ({
  map: doc.getMap('map').toJSON(),
  list: doc.getArray('list').toJSON(),
  text: doc.getText('text').toDelta(),
})

/** Sends `to` exactly what it lacks of `from`; returns the bytes. */
export const give = (from: Replica, to: Replica): Uint8Array => {
  const { bytes } = from.encode(from.lacking(from.decode(to.syncRequest())))
  const { status, thrown } = to.apply(bytes)
  if (status === 'waiting' || thrown.length > 0) throw new Error('a difference was not merged')
  return bytes
}

/**
 * Exchanges differences until all digests are equal. Merging rich text makes Yjs tidy up
 * formatting, which is a change in itself, so it may take a few rounds.
 */
export const settle = (replicas: readonly Replica[]): void => {
  for (let round = 0; round < 20; round++) {
    for (const a of replicas) for (const b of replicas) if (a !== b) give(a, b)
    if (new Set(replicas.map((replica) => replica.digest)).size === 1) return
  }
  throw new Error('not settled after 20 rounds')
}

/** Fails unless content, snapshots and digests are equal and no replica has pending structs. */
export const assertConverged = (replicas: readonly Replica[]): void => {
  const [first, ...others] = replicas
  for (const replica of replicas) {
    assert.is(replica.doc.store.pendingStructs, null, 'structs wait inside the document')
    assert.is(replica.doc.store.pendingDs, null, 'deletes wait inside the document')
  }
  for (const other of others) {
    assert.equal(contentOf(other.doc), contentOf(first!.doc), 'content differs')
    assert.ok(Y.equalSnapshots(Y.snapshot(other.doc), Y.snapshot(first!.doc)), 'snapshots differ')
    assert.is(other.digest, first!.digest, 'digests differ')
    assert.is(other.version, first!.version, 'versions differ')
  }
}

/** Everything that a rejected update must leave unchanged. */
export const imageOf = (replica: Replica): unknown => ({
  state: [...Y.encodeStateAsUpdate(replica.doc)],
  digest: replica.digest,
  vector: [...Y.encodeStateVector(replica.doc)],
  snapshot: [...Y.encodeSnapshot(Y.snapshot(replica.doc))],
  pending: [replica.doc.store.pendingStructs, replica.doc.store.pendingDs],
  waiting: replica.waiting,
  writer: replica.doc.clientID,
})

/** Applies, expects a Rejection that changes nothing, and returns its reason. */
export const rejectionReasonOf = (replica: Replica, bytes: Uint8Array): string => {
  const before = imageOf(replica)
  let events = 0
  const count = () => events++
  replica.doc.on('update', count)
  let rejection: Rejection | undefined
  try {
    replica.apply(bytes)
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    rejection = error
  } finally {
    replica.doc.off('update', count)
  }
  if (!rejection) throw new Error('the update was accepted')
  assert.equal(imageOf(replica), before, `rejected (${rejection.reason}), yet changed`)
  assert.is(events, 0, 'rejected, yet there was an update event')
  return rejection.reason
}

/** Clocks of a delta and its deletes as `writer:clock` each, for a brute-force model. */
export const idsOf = (delta: Delta): { structs: Set<string>; deletes: Set<string> } => {
  const structs = new Set<string>()
  const deletes = new Set<string>()
  for (const [writer, { from, to }] of delta.structs)
    for (let clock = from; clock < to; clock++) structs.add(`${writer}:${clock}`)
  for (const [writer, runs] of delta.deletes.clients)
    for (const { clock, len } of runs)
      for (let i = 0; i < len; i++) deletes.add(`${writer}:${clock + i}`)
  return { structs, deletes }
}

const goldenPath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/golden/${name}.jsonl`, import.meta.url))

/** The stored text of a golden file, without its last newline. (JSON that Biome leaves on its line.) */
export const readGolden = (name: string): string => readFileSync(goldenPath(name), 'utf8').trimEnd()

/**
 * The same; only with UPDATE_GOLDEN=1, and never where `CI` is set, is the file written anew
 * before: a wire format changes on purpose.
 */
export const golden = (name: string, make: () => string): string => {
  if (process.env.UPDATE_GOLDEN === '1' && !process.env.CI) {
    mkdirSync(fileURLToPath(new URL('../fixtures/golden/', import.meta.url)), { recursive: true })
    writeFileSync(goldenPath(name), `${make()}\n`)
  }
  return readGolden(name)
}
