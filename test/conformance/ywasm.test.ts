/**
 * What our replicas push is Yjs's own format: another implementation of it (Yrs, in Rust, as
 * WebAssembly) reads every push of a swarm of three, in the order of their merging, and ends
 * with the same content.
 */
import * as assert from 'uvu/assert'
import type * as Y from 'yjs'
import * as yrs from 'ywasm'
import { isEmptyDelta, mergeDeltas, type Replica } from '../../crdt/index.ts'
import { assertConverged, change, replicaOf, settle } from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

/** Histories, of CHANGES transactions each: 0.5 s in all. */
const HISTORIES = 50
const CHANGES = 40

/** What `write` changed, as it is pushed; nothing where it came to nothing. */
const pushOf = (replica: Replica, write: (doc: Y.Doc) => void): Uint8Array | undefined => {
  write(replica.doc)
  const delta = mergeDeltas(replica.takeLocal())
  return isEmptyDelta(delta) ? undefined : replica.encode(delta).bytes
}

/** Random writes of three replicas that hear of one another now and then; all pushes, in order. */
const pushesOf = (random: Random, replicas: readonly Replica[]): Uint8Array[] => {
  const pushes: Uint8Array[] = []
  for (let i = 0; i < CHANGES; i++) {
    const push = pushOf(random.pick(replicas), (doc) => change(doc, random))
    if (push) pushes.push(push)
    if (random.chance(0.3)) settle(replicas)
  }
  settle(replicas)
  // Merging rich text tidies up formatting, which is written too.
  for (const replica of replicas) {
    const push = pushOf(replica, () => {})
    if (push) pushes.push(push)
  }
  return pushes
}

/** Bytes as the list of numbers that Yrs makes of them, at any depth. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}

const contentOfYrs = (doc: yrs.YDoc): unknown => ({
  map: doc.getMap('map').toJson(undefined),
  list: doc.getArray('list').toJson(undefined),
  text: doc.getText('text').toDelta(undefined, undefined, undefined, undefined),
})

const contentOfYjs = (doc: Y.Doc): unknown => ({
  map: doc.getMap('map').toJSON(),
  list: doc.getArray('list').toJSON(),
  text: doc.getText('text').toDelta(),
})

const test = suite('conformance: ywasm')

test('reads every push', () => {
  eachSeed(HISTORIES, (random) => {
    const replicas = [replicaOf(1), replicaOf(2), replicaOf(3)]
    const pushes = pushesOf(random, replicas)
    assertConverged(replicas)
    const doc = new yrs.YDoc({ clientID: 99 })
    for (const push of pushes) yrs.applyUpdate(doc, push, undefined)
    assert.equal(plain(contentOfYrs(doc)), plain(contentOfYjs(replicas[0]!.doc)))
    doc.free()
  })
})

test.run()
