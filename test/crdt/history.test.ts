/**
 * The digests of a document's history: equal for documents with the same clocks, deletes and
 * content, however these came and were split; and different for two that have written under one id.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { History } from '../../crdt/history.ts'
import { differences, type Replica } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { change, docOf, give, replicaOf, settle } from '../helpers/docs.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('history')

const NO_LIMIT = Number.POSITIVE_INFINITY

/** Computed from the whole document. */
const of = (doc: Y.Doc) => {
  const history = new History(doc, nodePlatform)
  return {
    state: history.state,
    content: history.content(),
    writers: history.writers(NO_LIMIT)!,
    version: history.version,
    clocks: new Map([...history.clocks].sort(([a], [b]) => a - b)),
    deletes: [...history.deletes.clients].sort(([a], [b]) => a - b),
  }
}

/** As the replica has kept it up to date. */
const keptBy = ({ digest, published, version, doc }: Replica) => {
  const { deletes, clocks } = of(doc)
  const { content, writers } = published
  return { state: digest, content, writers: writers!, version, clocks, deletes }
}

test('equal content has one digest, in whatever order it came', () => {
  eachSeed(100, (random) => {
    const replicas = [1, 2, 3].map((writer) => replicaOf(writer))
    for (let i = 0; i < 15; i++) {
      change(random.pick(replicas).doc, random)
      assert.equal(keptBy(replicas[0]!), of(replicas[0]!.doc), 'what was kept is not what is')
      if (random.chance(0.3)) give(random.pick(replicas), random.pick(replicas))
    }
    settle(replicas)
    const [first, ...others] = replicas.map(({ doc }) => of(doc))
    for (const other of others) assert.equal(other, first)
    const again = new Y.Doc()
    Y.applyUpdate(again, Y.encodeStateAsUpdate(replicas[0]!.doc))
    assert.equal(of(again), first)
    const kept = new Y.Doc({ gc: false })
    Y.applyUpdateV2(kept, Y.encodeStateAsUpdateV2(replicas[0]!.doc))
    assert.equal(of(kept), first)
  })
})

/** Two documents of one id: a common history, and what each writes then. */
const twins = (common: (doc: Y.Doc) => void, ...writes: ((doc: Y.Doc) => void)[]): Y.Doc[] =>
  writes.map((write) => {
    const doc = docOf(7)
    common(doc)
    write(doc)
    return doc
  })

const pairs: Readonly<Record<string, readonly [(doc: Y.Doc) => void, (doc: Y.Doc) => void]>> = {
  'a value': [(doc) => doc.getMap('m').set('k', 1), (doc) => doc.getMap('m').set('k', 2)],
  'a key': [(doc) => doc.getMap('m').set('k', 1), (doc) => doc.getMap('m').set('l', 1)],
  'a map': [(doc) => doc.getMap('m').set('k', 1), (doc) => doc.getMap('n').set('k', 1)],
  text: [(doc) => doc.getText('t').insert(0, 'ab'), (doc) => doc.getText('t').insert(0, 'ba')],
  'a place': [(doc) => doc.getText('t').insert(0, 'x'), (doc) => doc.getText('t').insert(1, 'x')],
  'a kind': [
    (doc) => doc.getMap('m').set('k', new Y.Map()),
    (doc) => doc.getMap('m').set('k', new Y.Array()),
  ],
  bytes: [
    (doc) => doc.getMap('m').set('k', new Uint8Array([1])),
    (doc) => doc.getMap('m').set('k', new Uint8Array([2])),
  ],
  format: [
    (doc) => doc.getText('t').format(0, 1, { bold: true }),
    (doc) => doc.getText('t').format(0, 1, { bold: 1 }),
  ],
}

for (const [what, writes] of Object.entries(pairs)) {
  test(`another ${what} under one id gives equal states but different contents, and names the writer`, () => {
    const [one, other] = twins((doc) => doc.getText('t').insert(0, '-'), ...writes)
    assert.ok(Y.equalSnapshots(Y.snapshot(one!), Y.snapshot(other!)))
    assert.is(of(one!).state, of(other!).state)
    assert.is.not(of(one!).content, of(other!).content)
    assert.equal(differences(of(one!).writers, of(other!).writers), [7])
  })
}

test('content written in parts or at once has the same digests', () => {
  const whole = docOf(7)
  whole.getText('t').insert(0, 'abcd')
  whole.getArray('l').push([1, 2, 'x'])
  const pieces = docOf(7)
  for (const letter of 'abcd') pieces.getText('t').insert(pieces.getText('t').length, letter)
  pieces.getArray('l').push([1])
  pieces.getArray('l').push([2, 'x'])
  assert.equal(of(pieces), of(whole))
})

test('content in a subclass of its kind, as that of bounded runs, has the same digests', () => {
  class Run extends Y.ContentAny {}
  const plain = docOf(7)
  plain.getArray('l').push([1, 2])
  plain.getArray('l').push([3])
  const bounded = docOf(7)
  Y.applyUpdate(bounded, Y.encodeStateAsUpdate(plain))
  const [item] = bounded.store.clients.get(7) as Y.Item[]
  Y.transact(bounded, (transaction) => {
    Y.getItemCleanStart(transaction, Y.createID(7, 1))
    item!.content = new Run([1])
  })
  assert.equal(of(bounded), of(plain))
})

test('writers without remaining content have no hash', () => {
  const doc = docOf(7)
  doc.getMap('m').set('k', 1)
  doc.getMap('m').delete('k')
  assert.is(of(doc).writers.size, 0)
})

test.run()
