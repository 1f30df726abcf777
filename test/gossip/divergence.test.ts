/**
 * Two replicas with one state and different content find that out, and report the writer. It costs
 * next to nothing if all is well.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { DEFAULTS, type GossipEffect } from '../../src/gossip/index.ts'
import { docOf } from '../helpers/docs.ts'
import { DOC, type Member, pushText, stateIn, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip divergence')

const INTERVAL = DEFAULTS.intervalMs
const MINUTE = 60_000

const quiet = (): Table => new Table({ config: { intervalMs: INTERVAL } })

/** Writer 7 has written so many keys, each with that value. */
const writtenBy7 = (value: string, count = 3): Y.Doc => {
  const doc = docOf(7)
  for (let i = 0; i < count; i++) doc.getMap('map').set(`key-${i}`, value)
  return doc
}

/** The same document at another writer. */
const heldBy = (writer: number, doc: Y.Doc): Y.Doc => {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.clientID = writer
  return copy
}

const divergedOf = (member: Member) =>
  member.effects.flatMap((effect) =>
    effect.type === 'diverged' ? [{ from: effect.from, writers: effect.writers }] : [],
  )

const differingOf = (member: Member) => Object.fromEntries(member.gossip.statusOf(DOC)!.differing)

const isFork = (effect: GossipEffect): boolean =>
  effect.type === 'refused' && effect.reason === 'own_clock'

test('two copies of one id both find it out and name the writer, once', () => {
  const table = quiet()
  const a = table.add('a', { doc: heldBy(1, writtenBy7('of one')) })
  const b = table.add('b', { doc: heldBy(2, writtenBy7('of another')) })
  table.introduce(['a', 'b'])
  assert.is(a.replica.digest, b.replica.digest)
  table.advance(4 * INTERVAL)
  assert.equal(divergedOf(a), [{ from: 'b', writers: [7] }])
  assert.equal(divergedOf(b), [{ from: 'a', writers: [7] }])
  assert.equal(differingOf(a), { b: [7] })
  table.advance(5 * MINUTE)
  assert.is(divergedOf(a).length + divergedOf(b).length, 2, 'reported again')
})

test('only those of several writers whose content differs are named', () => {
  const table = quiet()
  const [one, other] = ['of one', 'of another'].map((value, i) => {
    const doc = heldBy(i + 1, writtenBy7(value))
    for (const writer of [8, 9]) {
      doc.clientID = writer
      doc.getMap('map').set(`of ${writer}`, writer === 9 ? value : 'both')
    }
    doc.clientID = i + 1
    return doc
  })
  const a = table.add('a', { doc: one! })
  table.add('b', { doc: other! })
  table.introduce(['a', 'b'])
  table.advance(4 * INTERVAL)
  assert.equal(divergedOf(a), [{ from: 'b', writers: [7, 9] }])
})

test('replicas that have become equal again report nothing further', () => {
  const table = quiet()
  const a = table.add('a', { doc: heldBy(1, writtenBy7('of one')) })
  const b = table.add('b', { doc: heldBy(2, writtenBy7('of another')) })
  table.introduce(['a', 'b'])
  table.advance(4 * INTERVAL)
  assert.ok(b.gossip.statusOf(DOC)!.differing.size > 0)
  for (let i = 0; i < 3; i++) a.map.set(`key-${i}`, 'new')
  table.change(a)
  table.advance(2 * MINUTE)
  assert.equal(a.map.toJSON(), b.map.toJSON())
  assert.equal([differingOf(a), differingOf(b)], [{}, {}])
})

test('each replica of a large swarm finds some that differ', () => {
  const table = quiet()
  const names = Array.from({ length: 12 }, (_, i) => `m${i}`)
  names.forEach((name, i) => {
    const value = i % 3 === 0 ? 'of one' : 'of another'
    table.add(name, { doc: heldBy(i + 20, writtenBy7(value)) })
  })
  table.introduce(names)
  table.advance(5 * MINUTE)
  for (const name of names) assert.ok(divergedOf(table.get(name)).length > 0, name)
})

test('without a difference each round carries the content, and there is no further message', () => {
  const table = quiet()
  const doc = writtenBy7('same')
  for (const name of ['a', 'b']) table.add(name, { doc: heldBy(name === 'a' ? 1 : 2, doc) })
  table.introduce(['a', 'b'])
  table.advance(INTERVAL)
  const messages = table.advance(10 * MINUTE)
  const rounds = (2 * 10 * MINUTE) / INTERVAL
  assert.ok(messages.length <= rounds * 1.05, `${messages.length} messages`)
  for (const message of messages)
    assert.equal(Object.keys(stateIn(message)).sort(), ['content', 'digest'])
})

test('documents that change all the time no difference is reported', () => {
  const table = quiet()
  const a = table.add('a', { doc: heldBy(1, writtenBy7('same')) })
  const b = table.add('b', { doc: heldBy(2, writtenBy7('same')) })
  table.introduce(['a', 'b'])
  for (let i = 0; i < 50; i++) {
    for (const member of [a, b]) {
      member.map.set('busy', i)
      table.change(member)
    }
    table.advance(INTERVAL / 2)
  }
  assert.equal([...divergedOf(a), ...divergedOf(b)], [])
})

test('a difference in a document that changes all the time: is found', () => {
  const table = quiet()
  const a = table.add('a', { doc: heldBy(1, writtenBy7('of one')) })
  table.add('b', { doc: heldBy(2, writtenBy7('of another')) })
  table.introduce(['a', 'b'])
  for (let i = 0; i < 20; i++) {
    a.map.set('busy', i)
    table.change(a)
    table.advance(INTERVAL / 2)
  }
  assert.equal(divergedOf(a), [{ from: 'b', writers: [7] }])
})

test('what is withheld makes no difference', () => {
  const table = quiet()
  const doc = writtenBy7('same')
  const [a, b] = [table.add('a', { doc: heldBy(1, doc) }), table.add('b', { doc: heldBy(2, doc) })]
  a.replica.withhold({ from: 0, fresh: 0 })
  a.map.set('own', 1)
  table.introduce(['a', 'b'])
  const { digest } = b.replica
  assert.is(a.replica.digest, digest)
  const { content } = b.replica.published
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { digest, content: content! } }) })
  assert.equal(differingOf(a), {})
})

test('two copies that both write under the id one of them pulls, and finds the fork', () => {
  const table = quiet()
  const a = table.add('a', { doc: writtenBy7('of one') })
  const b = table.add('b', { doc: writtenBy7('of another') })
  table.introduce(['a', 'b'])
  const forks = (): Member[] => [a, b].filter(({ effects }) => effects.some(isFork))
  for (let i = 0; i < 1_000 && forks().length === 0; i++) table.advance(20)
  assert.ok(divergedOf(a).length + divergedOf(b).length >= 1)
  assert.is(forks().length, 1, 'both or none give up the id')
})

test('a peer that lies about its content costs one reply now and then', () => {
  const table = quiet()
  const a = table.add('a', { doc: heldBy(1, writtenBy7('same')) })
  const { digest } = a.replica
  const before = table.log.length
  for (let i = 0; i < 50; i++) {
    const lie = i.toString(16).padStart(22, '0')
    const writers = new Map([[i, lie.slice(6)]])
    table.deliver({
      from: 'x',
      to: 'a',
      text: pushText({ [DOC]: { digest, content: lie, writers } }),
    })
  }
  assert.ok(table.log.length - before <= 3, `${table.log.length - before} messages`)
})

test.run()
