/**
 * Dissemination: a change is batched, travels in one message for each target, only what was new is
 * passed on, never to a peer that has it, and a long change goes to each node once.
 */
import * as assert from 'uvu/assert'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { docOf } from '../helpers/docs.ts'
import {
  bytesOf,
  carriedBy,
  DOC,
  kindOf,
  type Message,
  noise,
  packedState,
  pushText,
  stateIn,
  Table,
} from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: dissemination')

const BATCH_MS = DEFAULTS.batchMs
const names = (count: number, prefix = 'p'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** `a` with so many peers that never reply. */
const alone = (peers: number, config = {}) => {
  const table = new Table({ config })
  const a = table.add('a')
  for (const name of names(peers)) a.gossip.peers.add(name, 'given')
  return { table, a }
}

test('a change waits batchMs, then goes to fanout different peers', () => {
  const { table, a } = alone(10)
  a.map.set('k', 1)
  assert.is(table.change(a).length, 0, 'sent before the batch time')
  assert.is(a.gossip.wakeAt, table.now + BATCH_MS)
  assert.is(table.advance(BATCH_MS - 1).length, 0)
  const sent = table.advance(1)
  assert.is(sent.length, 3)
  assert.is(new Set(sent.map(({ to }) => to)).size, 3)
  for (const message of sent) {
    assert.is(kindOf(message), 'update')
    assert.equal([...carriedBy(message).structs], ['1:0'])
  }
  assert.is(table.advance(60_000).length, 0, 'sent again, though nothing was new')
})

test('fewer peers than fanout get it once each', () => {
  const { table, a } = alone(2)
  a.map.set('k', 1)
  table.change(a)
  assert.equal(
    table
      .advance(BATCH_MS)
      .map(({ to }) => to)
      .sort(),
    ['p0', 'p1'],
  )
})

test('1,000 changes in one batch are one push', () => {
  const { table, a } = alone(10, { inlineBytes: 100_000 })
  for (let i = 0; i < 1_000; i++) {
    a.map.set(`k${i % 10}`, i)
    table.change(a)
  }
  const sent = table.advance(BATCH_MS)
  assert.is(sent.length, 3)
  for (const message of sent) assert.is(carriedBy(message).structs.size, 1_000)
  assert.is(table.advance(10_000).length, 0)
})

test('a change without a "changed" event travels with whatever happens next', () => {
  const { table, a } = alone(10)
  a.map.set('k', 1)
  assert.is(table.advance(10_000).length, 0, 'nothing has happened')
  table.handle(a, { type: 'wake' })
  assert.is(table.advance(BATCH_MS).length, 3)
})

test('a delete is pushed like a write', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  a.map.set('k', 1)
  table.change(a)
  table.advance(BATCH_MS)
  a.map.delete('k')
  table.change(a)
  const [push] = table.advance(BATCH_MS)
  assert.equal([...carriedBy(push!).deletes], ['1:0'])
  assert.is(b.map.has('k'), false)
})

test('what was new is passed on once, and not to the sender', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [, b, c, d] = table.seat('a', 'b', 'c', 'd')
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  const toB = { from: 'a', to: 'b', text: pushText({ kv: { update: packedState(doc) } }) }
  assert.is(table.deliver(toB).length, 0, 'passed on before the batch time')
  table.post.length = 0
  const passed = table.advance(BATCH_MS, () => true)
  assert.equal(passed.map(({ from, to }) => `${from}${to}`).sort(), ['bc', 'bd'])
  assert.equal(
    [b, c, d].map(({ map }) => map.get('k')),
    [1, undefined, undefined],
  )
  // The same once more, and from another peer: nothing is new.
  table.deliver(toB)
  table.deliver({ ...toB, from: 'c' })
  assert.is(table.advance(10_000).length, 0)
  assert.is(b.gossip.counters.redundant, 2)
})

test('of a partly known update only what was new is passed on', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [b] = table.seat('b', 'c')
  const doc = docOf(77)
  doc.getMap('map').set('old', 1)
  table.deliver({ from: 'x', to: 'b', text: pushText({ kv: { update: packedState(doc) } }) })
  table.advance(BATCH_MS, () => true)
  doc.getMap('map').set('new', 2)
  table.deliver({ from: 'x', to: 'b', text: pushText({ kv: { update: packedState(doc) } }) })
  const [passed, ...others] = table.advance(BATCH_MS, () => true)
  assert.is(others.length, 0)
  assert.is(passed!.to, 'c')
  assert.equal([...carriedBy(passed!).structs], ['77:1'])
  assert.is(b.map.get('new'), 2)
})

test('a peer that showed meanwhile that it has the change does not get it', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [b] = table.seat('b', 'c', 'd')
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  const text = pushText({ kv: { update: packedState(doc) } })
  table.deliver({ from: 'x', to: 'b', text })
  table.deliver({ from: 'c', to: 'b', text }) // while b batches
  assert.equal(
    table.advance(BATCH_MS, () => true).flatMap((m) => (stateIn(m).update ? m.to : [])),
    ['d'],
  )
  assert.is(b.map.get('k'), 1)
})

test('a neighbour that has the change takes no place from one that has not', () => {
  const table = new Table({ config: { fanout: 1 } })
  // The neighbours of b are d and e.
  table.seat('b', 'c', 'd', 'e', 'f')
  const doc = docOf(77)
  for (let i = 0; i < 20; i++) {
    doc.getMap('map').set('k', i)
    const text = pushText({ kv: { update: packedState(doc) } })
    for (const from of ['c', 'e', 'f']) table.deliver({ from, to: 'b', text })
    assert.equal(
      table.advance(BATCH_MS, () => true).map(({ to }) => to),
      ['d'],
    )
  }
})

test('a peer that showed it while the message waited for a free place does not get it', () => {
  const table = new Table({ config: { maxSends: 1 } })
  const [b] = table.seat('b', 'c', 'd')
  table.fate = () => 'hangs'
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  const text = pushText({ kv: { update: packedState(doc) } })
  table.deliver({ from: 'x', to: 'b', text })
  table.advance(BATCH_MS)
  // x is new, so it was sent the digest first, and that send hangs; c and d wait.
  assert.equal(
    table.log.map(({ to }) => to),
    ['x'],
  )
  table.deliver({ from: 'c', to: 'b', text })
  table.fate = () => 'sent'
  table.handle(b, { type: 'sent', to: 'x' })
  assert.equal(
    table.log.map(({ to }) => to),
    ['x', 'd'],
  )
})

test('a peer whose digest shows that it has the change does not get it', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [b, c] = table.seat('b', 'c', 'd')
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  const text = pushText({ kv: { update: packedState(doc) } })
  table.deliver({ from: 'x', to: 'c', text })
  const digest = c.replica.digest
  table.deliver({ from: 'x', to: 'b', text })
  table.post.length = 0
  assert.equal(table.deliver({ from: 'c', to: 'b', text: pushText({ kv: { digest } }) }), [])
  assert.equal(
    table
      .advance(BATCH_MS, ({ from }) => from === 'b')
      .flatMap((m) => (m.from === 'b' ? m.to : [])),
    ['d'],
  )
  assert.is(b.map.get('k'), 1)
})

test('a peer that freed an update from waiting is not assumed to have it', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [b] = table.seat('b', 'c', 'd')
  const doc = docOf(77)
  doc.getMap('map').set('one', 1)
  const first = packedState(doc)
  const source = new Table({ config: { fanout: 1 } })
  const s = source.add('s', { doc })
  s.gossip.peers.add('b', 'given')
  doc.getMap('map').set('two', 2)
  source.change(s)
  const [second] = source.advance(BATCH_MS, () => true)
  table.deliver({ from: 'c', to: 'b', text: second!.text }) // waits: its predecessor is missing
  table.post.length = 0 // b's pull
  table.deliver({ from: 'd', to: 'b', text: pushText({ kv: { update: first } }) })
  assert.is(b.map.get('two'), 2)
  const passed = table.advance(BATCH_MS, () => true).filter(({ from }) => from === 'b')
  const toD = passed.find(({ to }) => to === 'd')
  assert.ok(toD, 'd has sent the first alone: it lacks the second')
  assert.ok(carriedBy(toD!).structs.has('77:1'))
})

test('an update of up to inlineBytes is sent inline, one byte more is announced', () => {
  const lengthOf = (bytes: number) => {
    const { table, a } = alone(10, { inlineBytes: bytes })
    a.map.set('k', noise(2_000))
    table.change(a)
    const [message] = table.advance(BATCH_MS)
    return { kind: kindOf(message!), length: stateIn(message!).update?.length }
  }
  const { length } = lengthOf(4_096)
  assert.ok(length! > 2_000 && length! < 2_100)
  assert.is(lengthOf(length!).kind, 'update')
  assert.is(lengthOf(length! - 1).kind, 'digest')
})

test('many short updates are sent inline together, although one of that length is announced', () => {
  const kindsOf = (updates: number, bytes: number) => {
    const { table, a } = alone(10)
    for (let writer = 1; writer <= updates; writer++) {
      const doc = docOf(100 + writer)
      doc.getMap('map').set(`k${writer}`, noise(bytes))
      const update = packedState(doc)
      table.deliver({ from: `p${writer}`, to: 'a', text: pushText({ kv: { update } }) })
    }
    assert.is(a.map.size, updates)
    return [...new Set(table.advance(BATCH_MS).map(kindOf))]
  }
  assert.equal(kindsOf(6, 3_000), ['update'])
  assert.equal(kindsOf(1, 18_000), ['digest'])
  // Long ones stay long, however many there are, and too many short ones are long.
  assert.equal(kindsOf(6, 6_000), ['digest'])
  assert.equal(kindsOf(9, 4_000), ['update'])
  assert.equal(kindsOf(30, 3_000), ['digest'])
})

test('a long update that three peers announce is pulled once', () => {
  const table = new Table()
  const [, , , d] = table.seat('a', 'b', 'c', 'd')
  const doc = docOf(77)
  doc.getMap('map').set('k', noise(20_000))
  for (const to of ['a', 'b', 'c']) {
    table.deliver({ from: 'x', to, text: pushText({ kv: { update: packedState(doc) } }) })
  }
  table.post.length = 0
  table.log.length = 0
  const seen = table.advance(BATCH_MS)
  const toD = seen.filter(({ to }) => to === 'd')
  assert.is(toD.filter((m) => kindOf(m) === 'digest').length, 3, 'announced by each')
  assert.is(toD.filter((m) => stateIn(m).update).length, 1, 'fetched more than once')
  assert.is(seen.filter(({ from }) => from === 'd').filter((m) => stateIn(m).vector).length, 1)
  assert.is(d.map.get('k'), doc.getMap('map').get('k'))
  const again = table.advance(10_000)
  // x was only named to d, and is tried with the next round.
  assert.equal(again, [], 'd announced it to those who had announced it')
})

test('30 nodes without loss: a long update costs each node its bytes once', () => {
  const received = new Map<string, Message[]>()
  const swarm = new Simulation({
    seed: 5,
    latency: [10, 50],
    config: { intervalMs: 1e9, jitter: 0 },
    onSend: (from, to, text) => {
      received.set(to, [...(received.get(to) ?? []), { from, to, text, at: 0 }])
    },
  })
  const all = names(30, 'n')
  for (const address of all) swarm.add(address, { peers: all })
  swarm.run(10_000)
  received.clear()
  const value = noise(60_000)
  swarm.nodes.get('n0')!.doc.getMap('map').set('k', value)
  swarm.run(60_000)
  const reached = all.filter((n) => swarm.nodes.get(n)!.doc.getMap('map').get('k') === value)
  // By rumor alone some may be missed; the bytes are those of the nodes that were reached.
  assert.ok(reached.length >= 25, `reached only ${reached.length}`)
  const one = bytesOf([
    { text: pushText({ kv: { update: packedState(swarm.nodes.get('n0')!.doc) } }) },
  ])
  let total = 0
  for (const address of reached) {
    if (address === 'n0') continue
    const messages = received.get(address)!
    assert.is(messages.filter((m) => m.text.length > value.length / 2).length, 1, address)
    total += bytesOf(messages)
  }
  const ratio = total / (one * (reached.length - 1))
  assert.ok(ratio <= 1.1, `${ratio.toFixed(3)} times its bytes a node`)
})

test('a change by an observer while a push is merged is passed on, too', () => {
  const table = new Table({ config: { fanout: 10 } })
  const [b, c] = table.seat('b', 'c')
  b.map.observe(() => {
    if (b.map.get('k') === 1 && !b.map.has('seen')) b.map.set('seen', true)
  })
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  table.deliver({ from: 'x', to: 'b', text: pushText({ kv: { update: packedState(doc) } }) })
  table.advance(BATCH_MS)
  assert.equal(c.map.toJSON(), { k: 1, seen: true })
})

/** A part of a long answer comes to `a`; `more` says whether others follow. */
const receiveLong = (table: Table, to: string, seed: number): void => {
  const source = docOf(900 + seed)
  source.getMap('map').set(`long${seed}`, noise(100_000, seed))
  const update = packedState(source)
  const state = { update, answer: true, more: true, digest: '0'.repeat(22) }
  table.deliver({ from: 'p0', to, text: pushText({ [DOC]: state }) })
}

test('a short change is pushed although a long one is fresh, which is announced', () => {
  const { table, a } = alone(4, { digestFanout: 0 })
  receiveLong(table, 'a', 1)
  a.map.set('k', 1)
  table.change(a)
  receiveLong(table, 'a', 2)
  const sent = table.advance(BATCH_MS).filter(({ to }) => to !== 'p0')
  assert.is(sent.length, 3)
  for (const message of sent) {
    assert.equal([...carriedBy(message).structs], ['1:0'])
    assert.ok(
      a.replica.published.hasDigest(stateIn(message).digest ?? ''),
      'the long ones are not announced',
    )
    assert.ok(bytesOf([message]) < 2_000)
  }
})

test('each short change is pushed while a long answer comes, and none waits for its end', () => {
  const { table, a } = alone(3)
  for (let i = 0; i < 5; i++) {
    receiveLong(table, 'a', i)
    a.map.set(`k${i}`, i)
    table.change(a)
    const sent = table.advance(BATCH_MS).filter(({ to }) => to !== 'p0')
    assert.ok(sent.length >= 2)
    for (const message of sent) assert.ok(carriedBy(message).structs.has(`1:${i}`))
  }
})

test('of own changes the short ones are pushed and the long one is announced', () => {
  const { table, a } = alone(9)
  a.map.set('long', noise(100_000))
  table.change(a)
  const [first] = table.advance(BATCH_MS)
  assert.is(kindOf(first!), 'digest')
  a.map.set('k', 1)
  table.change(a)
  for (const message of table.advance(BATCH_MS)) {
    assert.equal([...carriedBy(message).structs], ['1:1'])
  }
})

test('a short change that overwrites a long fresh one needs it, and waits at the receiver', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  b.map.set('long0', 0)
  table.change(b)
  table.advance(BATCH_MS)
  receiveLong(table, 'a', 0)
  a.map.set('long0', 'short')
  table.change(a)
  table.advance(60_000)
  assert.is(b.map.get('long0'), a.map.get('long0'))
  assert.is(b.replica.digest, a.replica.digest)
})

test.run()
