/**
 * Ranges: two replicas find what they lack of each other in few messages of some hundred bytes,
 * however many writers and deletes they have.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { emptyDelta, Rejection, type Replica } from '../../crdt/index.ts'
import { change, docOf, replicaOf, settle } from '../helpers/docs.ts'
import { eachSeed, Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('ranges')

const SALT = 7

interface Talk {
  readonly messages: number
  /** Bytes of ranges. */
  readonly bytes: number
  /** Bytes of updates. */
  readonly updates: number
}

const MOST_MESSAGES = 40

/** Lets two replicas compare by ranges until neither replies, merging what each lacks. */
const talk = (from: Replica, to: Replica): Talk => {
  let [sender, receiver] = [from, to]
  let message: Uint8Array | undefined = from.published.rangesRequest(SALT)
  let messages = 0
  let bytes = 0
  let updates = 0
  while (message) {
    if (++messages > MOST_MESSAGES) throw new Error('they do not come to an end')
    bytes += message.length
    const { lacks, reply, isTooDifferent } = receiver.published.compareRanges(message)
    if (isTooDifferent) throw new Error('too different')
    const update = receiver.encode(lacks)
    updates += update.bytes.length
    sender.apply(update.bytes)
    message = reply
    ;[sender, receiver] = [receiver, sender]
  }
  return { messages, bytes, updates }
}

const assertEqual = (a: Replica, b: Replica): void => {
  assert.is(a.digest, b.digest)
  assert.equal([a.waiting.updates, b.waiting.updates], [0, 0])
}

/** A replica with that many past writers, each with one entry. */
const withWriters = (count: number): Y.Doc => {
  const doc = docOf(1)
  const updates = Array.from({ length: count }, (_, i) => {
    const one = docOf(2 ** 32 + 2 ** 21 * i)
    one.getMap('map').set(`key-${i}`, i)
    return Y.encodeStateAsUpdate(one)
  })
  doc.transact(() => {
    for (const update of updates) Y.applyUpdate(doc, update)
  })
  return doc
}

const copyOf = (doc: Y.Doc, writer: number): Replica => {
  const copy = replicaOf(writer)
  Y.applyUpdate(copy.doc, Y.encodeStateAsUpdate(doc))
  return copy
}

test('any two replicas become one', () => {
  eachSeed(150, (random) => {
    const replicas = [1, 2, 3].map((writer) => replicaOf(writer))
    const [a, b] = replicas as [Replica, Replica, Replica]
    for (let i = random.int(0, 60); i > 0; i--) change(random.pick(replicas).doc, random)
    if (random.chance(0.7)) settle(replicas)
    for (let i = random.int(0, 60); i > 0; i--) change(random.pick(replicas).doc, random)
    talk(a, b)
    // Merging concurrent writes of one key deletes the one that lost: the next round brings that.
    if (a.digest !== b.digest) talk(b, a)
    assertEqual(a, b)
  })
})

test('equal replicas need one message', () => {
  const doc = withWriters(200)
  const [a, b] = [copyOf(doc, 1), copyOf(doc, 2)]
  assert.is(talk(a, b).messages, 1)
  assert.equal(b.published.compareRanges(a.published.rangesRequest(3)).lacks, emptyDelta())
})

test('one of 5,000 writers who has written more is found with a few hundred bytes', () => {
  const doc = withWriters(5_000)
  for (const isNew of [false, true]) {
    const [a, b] = [copyOf(doc, 1), copyOf(doc, 2)]
    b.doc.clientID = isNew ? 77 : 2 ** 32 + 2 ** 21 * 1234
    b.doc.getMap('map').set('more', 'of it')
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const before = copyOf(one.doc, 3)
      const { messages, bytes, updates } = talk(before, other)
      assertEqual(before, other)
      assert.ok(messages <= 6, `${messages} messages`)
      assert.ok(bytes <= 700, `${bytes} bytes`)
      assert.ok(updates <= 100, `${updates} bytes of updates`)
    }
  }
})

test('one delete among 20,000 runs of deletes is found with a few hundred bytes', () => {
  const doc = docOf(9)
  const array = doc.getArray<number>('list')
  array.push(Array.from({ length: 40_000 }, (_, i) => i))
  doc.transact(() => {
    for (let i = 0; i < 20_000; i++) array.delete(i, 1)
  })
  const [a, b] = [copyOf(doc, 1), copyOf(doc, 2)]
  b.doc.getArray('list').delete(10_000, 1)
  a.doc.getArray('list').delete(12_345, 1)
  const { messages, bytes, updates } = talk(a, b)
  assertEqual(a, b)
  assert.ok(messages <= 7, `${messages} messages`)
  assert.ok(bytes <= 1_000, `${bytes} bytes`)
  assert.ok(updates <= 1_000, `${updates} bytes of updates`)
})

test('replicas that share nothing become one, or are too different for ranges', () => {
  const [a, b] = [copyOf(withWriters(100), 1), replicaOf(2)]
  b.doc.getMap('map').set('own', 1)
  talk(a, b)
  assertEqual(a, b)
  const far = replicaOf(5)
  for (let i = 0; i < 3_000; i++) {
    const one = docOf(2 ** 45 + i)
    one.getMap('map').set(`k${i}`, i)
    far.apply(Y.encodeStateAsUpdate(one))
  }
  assert.throws(() => talk(copyOf(withWriters(3_000), 6), far), /too different/)
})

test('damaged ranges are rejected, and change nothing', () => {
  const replica = copyOf(withWriters(300), 1)
  const messages = [
    replica.published.rangesRequest(SALT),
    copyOf(docOf(3), 2).published.rangesRequest(SALT),
  ]
  const { digest } = replica
  for (const message of messages) {
    for (let length = 0; length < message.length; length++)
      assert.throws(() => replica.published.compareRanges(message.slice(0, length)), isMalformed)
    assert.throws(() => replica.published.compareRanges(Uint8Array.of(...message, 0)), isMalformed)
  }
  const random = new Random(5)
  for (let i = 0; i < 3_000; i++) {
    const bytes = random.pick(messages).slice()
    for (let n = random.int(1, 4); n > 0; n--)
      bytes[random.int(0, bytes.length - 1)] = random.int(0, 255)
    try {
      replica.published.compareRanges(bytes)
    } catch (error) {
      if (!isMalformed(error)) throw error
    }
  }
  assert.is(replica.digest, digest)
})

const isMalformed = (error: unknown): boolean =>
  error instanceof Rejection && error.reason === 'malformed'

test.run()
