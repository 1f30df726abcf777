/**
 * Messages that are too long travel in fragments, which may be lost, doubled, reordered or forged,
 * and which hold up nothing short.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { type Fragment, LIMITS, Rejection } from '../../crdt/index.ts'
import { FragmentedText } from '../../src/gossip/fragmented-text.ts'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { Reassembly } from '../../src/gossip/reassembly.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { docOf } from '../helpers/docs.ts'
import {
  DOC,
  type Message,
  noise,
  packedState,
  pushText,
  readMessage,
  Table,
} from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: fragments')

const { batchMs } = DEFAULTS

const OF = 'f'.repeat(32)
const bytesOf = (text: string): number => Buffer.byteLength(text)

const assemblyOf = (more = {}): Reassembly =>
  new Reassembly({ digestOf: () => OF, patienceMs: 1_000, maxLength: 1_000_000, ...more })

const fragmentsOf = (parcel: FragmentedText): Fragment[] => {
  const all: Fragment[] = []
  for (let next = parcel.next(); next; next = parcel.next()) all.push(next)
  return all
}

test('any text is cut into fragments that fit, and put together again in any order', () => {
  eachSeed(100, (random) => {
    const alphabet = ['a', '"', '\\', '\n', 'é', '€', '😀', '\u0001']
    const text = Array.from({ length: random.int(1, 400) }, () => random.pick(alphabet)).join('')
    const room = random.int(12, 80)
    const fragments = fragmentsOf(new FragmentedText(text, OF, room))
    for (const { data } of fragments) {
      assert.ok(bytesOf(JSON.stringify(data)) - 2 <= room, `${JSON.stringify(data)} in ${room}`)
    }
    const assembly = assemblyOf()
    const order = random.shuffle(fragments)
    const whole = order.map((fragment) => assembly.take('a', fragment, 0))
    assert.is(whole.pop(), text)
    assert.ok(whole.every((one) => one === undefined))
    assert.is(assembly.wakeAt, Number.POSITIVE_INFINITY)
  })
})

test('fragments that contradict one another are rejected, and forgotten', () => {
  const first: Fragment = { of: OF, index: 0, count: 2, bytes: 4, data: 'ab' }
  const rejections: [Partial<Fragment>, string][] = [
    [{ count: 3 }, 'malformed'],
    [{ bytes: 5 }, 'malformed'],
    [{ data: 'abc' }, 'malformed'],
  ]
  for (const [other, reason] of rejections) {
    const assembly = assemblyOf()
    assembly.take('a', first, 0)
    let thrown: unknown
    try {
      assembly.take('a', { ...first, index: 1, ...other }, 0)
    } catch (error) {
      thrown = error
    }
    assert.ok(thrown instanceof Rejection)
    assert.is(thrown.reason, reason)
    assert.is(assembly.wakeAt, Number.POSITIVE_INFINITY)
  }
  const damaged = assemblyOf({ digestOf: () => '0'.repeat(32) })
  damaged.take('a', first, 0)
  assert.throws(() => damaged.take('a', { ...first, index: 1 }, 0), /does not have the digest/)
})

test('missing fragments are requested a few times, and then given up', () => {
  const assembly = assemblyOf()
  assembly.take('a', { of: OF, index: 2, count: 4, bytes: 9, data: 'x' }, 0)
  let asked = 0
  for (let now = assembly.wakeAt; Number.isFinite(now); now = assembly.wakeAt) {
    for (const { from, missing } of assembly.overdue(now)) {
      asked++
      assert.is(from, 'a')
      assert.equal(missing, { of: OF, indexes: [0, 1, 3] })
    }
  }
  assert.is(asked, 4)
})

test('incomplete texts are bounded, for each peer and in all', () => {
  const assembly = assemblyOf({ maxLength: 10 })
  const part = (from: string, of: string, data: string) =>
    assembly.take(from, { of: of.repeat(32), index: 0, count: 2, bytes: 100, data }, 0)
  for (const of of ['1', '2', '3']) part('a', of, 'x')
  assert.is(assembly.overdue(1e9).length, 2, 'of one peer')
  part('b', '4', 'x'.repeat(10))
  assert.equal(
    assembly.overdue(1e10).map(({ from }) => from),
    ['b'],
  )
})

const long = (bytes = 40_000) => {
  const table = new Table({ maxMessageBytes: 4_000 })
  const [a, b] = table.seat('a', 'b')
  a.map.set('long', noise(bytes))
  table.change(a)
  return { table, a, b }
}

test('a value longer than a message arrives whole', () => {
  const { table, a, b } = long()
  table.advance(60_000)
  assert.is(b.map.get('long'), a.map.get('long'))
  assert.is(b.replica.digest, a.replica.digest)
  assert.ok(table.log.every(({ text }) => bytesOf(text) <= 4_000))
  assert.equal(a.effects, [])
})

test('lost fragments are sent again, and no others', () => {
  const { table, a, b } = long()
  const lost = new Set([3, 7])
  table.advance(60_000, ({ text }) => {
    const { fragment } = readMessage({ text })
    return fragment !== undefined && lost.delete(fragment.index)
  })
  assert.is(lost.size, 0)
  assert.is(b.map.get('long'), a.map.get('long'))
  const indexes = table.log.flatMap(({ text }) => readMessage({ text }).fragment?.index ?? [])
  assert.is(indexes.length, new Set(indexes).size + 2)
})

test('a fragment whose send fails is sent again when the peer is tried next', () => {
  const { table, a, b } = long()
  let sends = 0
  table.fate = (from) => (from === 'a' && ++sends % 3 === 0 ? 'failed' : 'sent')
  table.advance(600_000)
  assert.is(b.map.get('long'), a.map.get('long'))
  const indexes = table.log.flatMap(({ text }) => readMessage({ text }).fragment?.index ?? [])
  assert.ok(indexes.length < 2 * new Set(indexes).size, `${indexes}`)
})

test('short changes overtake long ones', () => {
  const { table, a } = long(100_000)
  table.fate = () => 'hangs'
  table.advance(batchMs, () => true)
  const next = (): Message | undefined => {
    const [message] = table.handle(a, { type: 'sent', to: 'b' })
    return message
  }
  // b pulls what was announced, and gets the answer in fragments.
  const vector = Y.encodeStateVector(new Map())
  table.handle(a, { type: 'sent', to: 'b' })
  const [first] = table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { vector } }) })
  assert.is(readMessage(first!).fragment?.index, 0)
  assert.is(readMessage(next()!).fragment?.index, 1)
  // Meanwhile c writes something short.
  const doc = docOf(77)
  doc.getMap('map').set('short', 1)
  table.deliver({ from: 'c', to: 'a', text: pushText({ [DOC]: { update: packedState(doc) } }) })
  table.advance(batchMs, () => true)
  const kinds = Array.from({ length: 4 }, () => {
    const push = readMessage(next()!)
    return push.fragment ? 'fragment' : push.state.get(DOC)?.update ? 'update' : 'other'
  })
  assert.equal(kinds, ['fragment', 'update', 'fragment', 'fragment'])
})

test('a member that does not know fragments takes them for empty pushes', () => {
  const { table, b } = long()
  const [fragment] = table.advance(batchMs, () => true).length > 0 ? table.log : []
  const message = JSON.parse(fragment!.text)
  delete message.fragment
  table.deliver({ from: 'x', to: 'b', text: JSON.stringify(message) })
  assert.equal(b.effects, [])
})

for (const loss of [0.1, 0.3]) {
  test(`8 nodes with ${loss * 100} % lost: a value of 60 messages arrives everywhere`, () => {
    const swarm = new Simulation({ seed: 3, loss, latency: [10, 50], maxMessageBytes: 5_000 })
    const names = Array.from({ length: 8 }, (_, i) => `n${i}`)
    for (const name of names) swarm.add(name, { peers: names })
    swarm.run(10_000)
    swarm.nodes.get('n0')!.doc.getMap('state').set('long', noise(200_000))
    assert.ok(swarm.run(600_000, () => swarm.hasConverged))
    for (const { doc } of swarm.nodes.values()) {
      assert.is((doc.getMap('state').get('long') as string).length, 200_000)
    }
  })
}

test('fragments out of bounds are rejected before anything is kept', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  const good: Fragment = { of: OF, index: 0, count: 2, bytes: 10, data: 'x' }
  const bad: [unknown, string][] = [
    [{ ...good, count: LIMITS.fragments + 1 }, 'too_many'],
    [{ ...good, bytes: LIMITS.messageBytes + 1 }, 'too_large'],
    [{ ...good, index: 2 }, 'malformed'],
    [{ ...good, index: -1 }, 'malformed'],
    [{ ...good, data: '' }, 'malformed'],
    [{ ...good, data: 7 }, 'malformed'],
    [{ ...good, of: 'x' }, 'malformed'],
    ['x', 'malformed'],
  ]
  for (const [fragment, reason] of bad) {
    const text = JSON.stringify({ ...JSON.parse(pushText({})), fragment })
    table.deliver({ from: 'b', to: 'a', text })
    const effect = a.effects.pop()
    assert.is(effect?.type === 'refused' && effect.reason, reason, JSON.stringify(fragment))
  }
  const missing = { of: OF, indexes: new Array(LIMITS.fragments + 1).fill(0) }
  const text = JSON.stringify({ ...JSON.parse(pushText({})), missing })
  table.deliver({ from: 'b', to: 'a', text })
  assert.is(a.effects.length, 1)
})

test.run()
