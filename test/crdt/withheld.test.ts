/**
 * Withheld changes are in nothing that peers get. If another copy uses their id, they are moved to
 * a new one.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { ForkRejection, type Replica } from '../../crdt/index.ts'
import {
  assertConverged,
  change,
  contentOf,
  docOf,
  forge,
  forged,
  give,
  idsOf,
  replicaOf,
  settle,
} from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('withheld')

const OWN = 7
const NEW = 11

const several = (doc: Y.Doc, random: Random, most: number): void => {
  for (let i = random.int(1, most); i > 0; i--) change(doc, random)
}

const withhold = (replica: Replica): void => {
  const { ownClock } = replica
  replica.withhold({ from: ownClock, fresh: ownClock })
}

const copyTo = (from: Replica, writer: number): Replica => {
  const to = replicaOf(99)
  give(from, to)
  to.doc.clientID = writer
  return to
}

const takes = (replica: Replica, bytes: Uint8Array): ForkRejection | undefined => {
  try {
    replica.apply(bytes)
    return undefined
  } catch (error) {
    if (error instanceof ForkRejection) return error
    throw error
  }
}

test('peers see the earlier state, and after the release everything', () => {
  eachSeed(60, (random) => {
    const [a, b] = [replicaOf(OWN), replicaOf(2)]
    several(a.doc, random, 4)
    several(b.doc, random, 4)
    settle([a, b])
    const before = { digest: a.digest, summary: a.syncRequest() }
    a.takeLocal()
    withhold(a)
    several(a.doc, random, 5)
    assert.is(a.digest, before.digest)
    assert.equal(a.syncRequest(), before.summary)
    assert.equal(a.takeLocal(), [])
    const newcomer = replicaOf(3)
    const { delta } = newcomer.apply(
      a.encode(a.lacking(newcomer.decode(newcomer.syncRequest()))).bytes,
    )
    assert.is(
      [...idsOf(delta).structs].filter((id) => id.startsWith(`${OWN}:`)).length,
      a.publishedClock,
    )
    let calls = 0
    a.onLocal = () => calls++
    a.release()
    assert.ok(calls <= 1)
    for (const news of a.takeLocal()) b.apply(a.encode(news).bytes)
    assert.is(b.digest, a.digest, 'the news was not all of it')
    settle([a, b])
    assertConverged([a, b])
  })
})

test('peers’ updates are merged and passed on meanwhile, without what is withheld', () => {
  eachSeed(60, (random) => {
    const [a, b, c] = [replicaOf(OWN), replicaOf(2), replicaOf(3)]
    several(a.doc, random, 4)
    settle([a, b, c])
    withhold(a)
    several(a.doc, random, 4)
    several(b.doc, random, 4)
    const { bytes } = b.encode(b.lacking(b.decode(a.syncRequest())))
    const { delta } = a.apply(bytes)
    const { structs, deletes } = idsOf(delta)
    for (const id of [...structs, ...deletes]) {
      const [writer, clock] = id.split(':').map(Number)
      assert.ok(writer !== OWN || clock! < a.publishedClock, `${id} is published`)
    }
    a.release()
    settle([a, b, c])
    assertConverged([a, b, c])
  })
})

test('renamed structs: nothing visible changes, and the two copies become one document', () => {
  eachSeed(100, (random) => {
    const first = replicaOf(OWN)
    several(first.doc, random, 4)
    const base = first.ownClock
    const [peer, copy] = [copyTo(first, 2), copyTo(first, OWN)]
    several(first.doc, random, 5)
    first.doc.getMap('map').set('sure', 'of the first')
    give(first, peer)
    several(peer.doc, random, 2)
    withhold(copy)
    several(copy.doc, random, 5)
    copy.doc.getMap('map').set('sure', 'of the copy')
    const seen = contentOf(copy.doc)
    const refusal = takes(copy, peer.encode(peer.lacking(peer.decode(copy.syncRequest()))).bytes)
    assert.is(copy.fork, refusal?.fork)
    assert.is(refusal?.fork, base, 'not where they went apart')
    let updates = 0
    copy.doc.on('update', () => updates++)
    copy.rename(base, NEW)
    assert.equal(contentOf(copy.doc), seen)
    assert.ok(updates <= 1)
    assert.is(copy.doc.clientID, NEW)
    assert.is(copy.clocks.get(OWN) ?? 0, base)
    give(peer, copy)
    several(copy.doc, random, 2)
    copy.release()
    settle([peer, copy, first])
    assertConverged([peer, copy, first])
    const whole = replicaOf(20)
    give(copy, whole)
    assert.equal(contentOf(whole.doc), contentOf(copy.doc))
  })
})

test('types that a program holds work after a rename', () => {
  const replica = replicaOf(OWN)
  const text = replica.doc.getText('text')
  text.insert(0, 'shared ')
  const base = replica.ownClock
  const other = copyTo(replica, 2)
  withhold(replica)
  const inner = new Y.Map<unknown>()
  replica.doc.getMap('map').set('inner', inner)
  inner.set('k', 1)
  text.insert(text.length, 'and own')
  text.format(0, 6, { bold: true })
  replica.rename(base, NEW)
  inner.set('k', 2)
  text.insert(text.length, ', and more')
  replica.release()
  settle([replica, other])
  assertConverged([replica, other])
  assert.is(other.doc.getText('text').toString(), 'shared and own, and more')
  assert.equal(other.doc.getMap('map').toJSON(), { inner: { k: 2 } })
})

/** The own writer has written `text` at clock 0, and has published nothing. */
const withText = (text: string): Replica => {
  const replica = replicaOf(OWN)
  replica.doc.getText('text').insert(0, text)
  replica.withhold({ from: 0, fresh: replica.ownClock })
  return replica
}

const ofPeer = (text: string): Uint8Array =>
  forge([{ writer: OWN, structs: [forged.string({ parent: 'text' }, text)] }])

test('content decides about common clocks', () => {
  assert.is(takes(withText('abcd'), ofPeer('abcd')), undefined)
  assert.is(takes(withText('abcd'), ofPeer('ab')), undefined)
  assert.is(takes(withText('abcd'), ofPeer('abxd'))?.fork, 2)
  assert.is(takes(withText('abcd'), ofPeer('xbcd'))?.fork, 0)
  assert.is(takes(withText('abcd'), ofPeer('abcde'))?.fork, 4)
  assert.is(takes(withText('ab'), ofPeer('xbcde'))?.fork, 0)
})

test('another place, key or kind is other content; deleted content may be any', () => {
  const keyed = (key: string, value: unknown) =>
    forge([{ writer: OWN, structs: [forged.any({ key }, [value])] }])
  const own = (): Replica => {
    const replica = replicaOf(OWN)
    replica.doc.getMap('map').set('k', 1)
    replica.withhold({ from: 0, fresh: 1 })
    return replica
  }
  assert.is(takes(own(), keyed('k', 1)), undefined)
  assert.is(takes(own(), keyed('k', 2))?.fork, 0)
  assert.is(takes(own(), keyed('l', 1))?.fork, 0)
  const elsewhere = forge([{ writer: OWN, structs: [forged.any({ key: 'k', parent: 'm' }, [1])] }])
  assert.is(takes(own(), elsewhere)?.fork, 0)
  const asText = forge([{ writer: OWN, structs: [forged.string({ key: 'k' }, '1')] }])
  assert.is(takes(own(), asText)?.fork, 0)
  assert.is(takes(own(), forge([{ writer: OWN, structs: [forged.gc(1)] }])), undefined)
  assert.is(takes(own(), forge([{ writer: OWN, structs: [forged.gc(2)] }]))?.fork, 1)
})

test('deletes of what was written since the start belong to another copy', () => {
  const replica = withText('ab')
  replica.withhold({ from: 0, fresh: 1 })
  assert.is(takes(replica, forge([], [[OWN, 0, 1]])), undefined)
  assert.is(takes(replica, forge([], [[OWN, 0, 2]]))?.fork, 1)
})

test('what peers may know another way is compared, also what was written since', () => {
  const own = (): Replica => {
    const replica = withText('ab')
    replica.withhold({ from: 0, fresh: Number.POSITIVE_INFINITY })
    replica.doc.getText('text').insert(2, 'cd')
    return replica
  }
  assert.is(takes(own(), ofPeer('abc')), undefined)
  assert.is(takes(own(), ofPeer('abcd')), undefined)
  assert.is(takes(own(), ofPeer('abx'))?.fork, 2)
  assert.is(takes(own(), ofPeer('abcde'))?.fork, 4)
  assert.is(takes(own(), forge([], [[OWN, 0, 4]])), undefined)
  assert.is(takes(own(), forge([], [[OWN, 0, 5]]))?.fork, 4)
})

test('rename throws for an existing writer, and in a transaction', () => {
  const replica = withText('ab')
  Y.applyUpdate(replica.doc, Y.encodeStateAsUpdate(writtenBy(NEW)))
  assert.throws(() => replica.rename(0, NEW), /is in the document already/)
  replica.doc.transact(() => assert.throws(() => replica.rename(0, 12), /in a transaction/))
})

const writtenBy = (writer: number): Y.Doc => {
  const doc = docOf(writer)
  doc.getMap('map').set('k', writer)
  return doc
}

test.run()
