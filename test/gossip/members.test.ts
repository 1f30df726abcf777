/**
 * The peers that gossip selects: in rotation, so that none is missed; found from a single known
 * peer; left alone for a while after a failure; and never holding up those that are alive.
 */
import * as assert from 'uvu/assert'
import { fanoutsFor } from '../../src/gossip/fanouts.ts'
import { ShuffledRotation } from '../../src/gossip/shuffled-rotation.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { DOC, type Member, pushText, readMessage, Table } from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: rotation and members')

const names = (count: number, prefix = 'p'): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}`)

const DIGEST = 'd'.repeat(22)
const hello = (members: readonly string[] = []) =>
  pushText({ [DOC]: { digest: DIGEST } }, { members })

const addressesOf = ({ gossip }: Member): string[] =>
  [...gossip.peers].map(({ address }) => address).sort()

test('rounds reach every peer within ceil(n / fanout) of them', () => {
  eachSeed(60, (random, seed) => {
    const count = random.int(1, 40)
    const fanout = random.int(1, 5)
    const table = new Table({ config: { fanout }, random: seeded(seed) })
    const a = table.add('a')
    for (const name of names(count)) a.gossip.peers.add(name, 'given')
    const reached = new Set<string>()
    // In a small swarm a round goes to a third of the peers, as it is cheap to reach them all.
    const each = fanoutsFor(a.gossip.config, count).round
    assert.is(each, count > 2 * fanout ? fanout : Math.min(fanout, Math.ceil(count / 3)))
    for (let round = Math.ceil(count / each); round > 0; round--) {
      const sent = table.round(a)
      assert.is(sent.length, each)
      assert.is(new Set(sent.map(({ to }) => to)).size, sent.length, 'twice in one round')
      for (const { to } of sent) reached.add(to)
    }
    assert.is(reached.size, count, `${count} peers, fanout ${fanout}`)
  })
})

test('the rotation gives every peer as many turns as the others, give or take one', () => {
  eachSeed(30, (random, seed) => {
    const turns = new ShuffledRotation(seeded(seed))
    const all = names(random.int(3, 30))
    for (const name of all) turns.add(name)
    const count = random.int(1, 3)
    const had = new Map(all.map((name) => [name, 0]))
    for (let i = 0; i < 200; i++) {
      for (const name of turns.take(count, () => true)) had.set(name, had.get(name)! + 1)
    }
    const counts = [...had.values()]
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `${counts}`)
  })
})

test('a peer that joins in the middle has its turn before the list starts again', () => {
  eachSeed(50, (random, seed) => {
    const turns = new ShuffledRotation(seeded(seed))
    for (const name of names(20)) turns.add(name)
    const taken = turns.take(random.int(0, 19), () => true)
    turns.add('new')
    const rest = turns.take(20 - taken.length + 1, () => true)
    assert.ok(rest.includes('new'))
    assert.is(new Set([...taken, ...rest]).size, 21)
  })
})

test('a peer that does not fit loses its turn and holds up no other', () => {
  const turns = new ShuffledRotation(seeded(1))
  for (const name of names(10)) turns.add(name)
  const isFit = (name: string) => name === 'p3' || name === 'p7'
  assert.equal(turns.take(3, isFit).sort(), ['p3', 'p7'])
  assert.equal(
    turns.take(3, () => false),
    [],
  )
  assert.equal(
    new ShuffledRotation(seeded(1)).take(3, () => true),
    [],
  )
})

test('a single peer that fits is found wherever the list stands', () => {
  eachSeed(50, (random, seed) => {
    const turns = new ShuffledRotation(seeded(seed))
    const all = names(random.int(1, 12))
    for (const name of all) turns.add(name)
    for (let i = 0; i < 20; i++) {
      const only = random.pick(all)
      assert.equal(
        turns.take(random.int(1, 3), (name) => name === only),
        [only],
      )
      turns.take(random.int(0, 3), () => true)
    }
  })
})

test('targets are the same for the same seed, and different for another', () => {
  const run = (seed: number): string => {
    const turns = new ShuffledRotation(seeded(seed))
    for (const name of names(20)) turns.add(name)
    return Array.from({ length: 20 }, () => turns.take(3, () => true).join()).join(' ')
  }
  assert.is(run(4), run(4))
  assert.is.not(run(4), run(5))
})

test('a round is early or late by the jitter, not more', () => {
  const table = new Table({ config: { intervalMs: 5_000, jitter: 0.1 } })
  const a = table.add('a')
  let last = table.now
  const waits: number[] = []
  for (let i = 0; i < 200; i++) {
    table.now = a.gossip.wakeAt
    waits.push(table.now - last)
    last = table.now
    table.handle(a, { type: 'wake' })
  }
  assert.ok(Math.min(...waits) >= 4_500 && Math.max(...waits) <= 5_500)
  assert.ok(Math.max(...waits) - Math.min(...waits) > 500, 'hardly any jitter')
  const mean = waits.reduce((sum, wait) => sum + wait) / waits.length
  assert.ok(Math.abs(mean - 5_000) < 100, `${mean} ms`)
})

test('new peers are pushed to at once, known ones are not', () => {
  const table = new Table()
  const a = table.add('a')
  const named = (addresses: string[]) =>
    table.handle(a, { type: 'peers', addresses, source: 'found' }).map(({ to }) => to)
  assert.equal(named(['b']), ['b'])
  assert.equal(named(['b']), [])
  assert.equal(named(['a', '']), [], 'neither ourselves nor an empty name')
  assert.equal(addressesOf(a), ['b'])
})

test('a sender of a valid push and a member named in one become peers; our own address never does', () => {
  const table = new Table()
  const a = table.add('a')
  table.deliver({ from: 'b', to: 'a', text: hello(['c', 'a', 'b']) })
  assert.equal(addressesOf(a), ['b', 'c'])
  assert.is(a.gossip.peers.get('b')!.source, 'heard')
  assert.is(a.gossip.peers.get('c')!.source, 'named')
  assert.equal(table.deliver({ from: 'a', to: 'a', text: hello() }), [], 'our own push came back')
  assert.equal(addressesOf(a), ['b', 'c'])
})

test('a push names only members that were heard and have not failed since', () => {
  const table = new Table({ config: { membersNamed: 5 } })
  const a = table.add('a')
  for (const name of ['b', 'c', 'd']) table.deliver({ from: name, to: 'a', text: hello(['dead']) })
  table.post.length = 0
  table.fate = (_, to) => (to === 'c' ? 'failed' : 'sent')
  for (let i = 0; i < 3; i++) table.handle(a, { type: 'round' })
  table.post.length = 0
  assert.is(a.gossip.peers.get('c')!.failures, 1)
  for (let i = 0; i < 10; i++) table.round(a)
  assert.ok(table.log.length > 10)
  for (const message of table.log.slice(-10)) {
    const { members } = readMessage(message)
    assert.ok(
      members.every((name) => ['b', 'd'].includes(name) && name !== message.to),
      `${members} to ${message.to}`,
    )
  }
})

test('a newcomer that knows one peer is known by all within a few rounds, and knows all', () => {
  const INTERVAL = 5_000
  for (const seed of [1, 2, 3]) {
    const swarm = new Simulation({ seed, latency: [10, 50], config: { intervalMs: INTERVAL } })
    const all = names(30, 'n')
    for (const name of all) swarm.add(name, { peers: all })
    swarm.run(60_000)
    const start = swarm.now
    const newcomer = swarm.add('new', { peers: ['n0'] })
    const isKnown = () =>
      newcomer.gossip.peers.size === all.length &&
      all.every((name) => swarm.nodes.get(name)!.gossip.peers.get('new'))
    assert.ok(swarm.run(8 * INTERVAL, isKnown), `seed ${seed}: not known after eight rounds`)
    assert.ok(swarm.now > start)
  }
})

test('a chain of peers, each knowing the one before, becomes one swarm', () => {
  const swarm = new Simulation({ seed: 9, latency: [10, 50] })
  const all = names(20, 'n')
  for (const [i, name] of all.entries()) swarm.add(name, { peers: i === 0 ? [] : [all[i - 1]!] })
  const knowAll = () => [...swarm.nodes.values()].every(({ gossip }) => gossip.peers.size === 19)
  assert.ok(swarm.run(120_000, knowAll), 'a member does not know another')
})

test('a failing peer is left alone twice as long each time, up to the cap, with jitter', () => {
  const table = new Table({ config: { backoffMs: 1_000, maxBackoffMs: 60_000 } })
  const a = table.add('a')
  table.fate = () => 'failed'
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  const waits: number[] = []
  for (let i = 0; i < 40; i++) {
    waits.push(a.gossip.wakeAt - table.now)
    table.now = a.gossip.wakeAt
    assert.is(table.handle(a, { type: 'wake' }).length, 1, 'not tried when its time had come')
  }
  for (const [i, wait] of waits.entries()) {
    const expected = Math.min(60_000, 1_000 * 2 ** i)
    assert.ok(wait >= expected * 0.75 && wait <= expected * 1.25, `wait ${i}: ${wait} ms`)
  }
  assert.ok(new Set(waits.slice(10)).size > 10, 'no jitter')
  assert.is(a.gossip.counters.sendsFailed, 41)
})

test('a push from a peer that failed resets it, and what it missed is sent at once', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  table.fate = (from) => (from === 'a' ? 'failed' : 'sent')
  for (let i = 0; i < 5; i++) {
    a.map.set('k', i)
    table.change(a)
    table.advance(30_000)
  }
  assert.ok(a.gossip.peers.get('b')!.failures >= 5)
  assert.is(b.map.size, 0)
  table.fate = () => 'sent'
  table.round(b)
  table.settle()
  assert.is(a.gossip.peers.get('b')!.failures, 0)
  assert.is(b.map.get('k'), 4)
})

test('a send that succeeds resets the peer, too', () => {
  const table = new Table()
  const a = table.add('a')
  table.fate = () => 'failed'
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  assert.is(a.gossip.peers.get('b')!.failures, 1)
  table.fate = () => 'sent'
  table.advance(1_250)
  assert.is(a.gossip.peers.get('b')!.failures, 0)
  assert.is(a.gossip.peers.get('b')!.retryAt, 0)
})

test('dead peers take half the places at most, and rounds reach the living', () => {
  const table = new Table({ config: { maxSends: 8 } })
  const a = table.add('a')
  for (const name of [...names(40, 'dead'), ...names(4, 'live')]) a.gossip.peers.add(name, 'given')
  table.fate = (_, to) => (to.startsWith('dead') ? 'failed' : 'sent')
  for (let i = 0; i < 15; i++) table.round(a) // all are known to have failed
  // From here on their sends do not even fail.
  table.fate = (_, to) => (to.startsWith('dead') ? 'hangs' : 'sent')
  table.advance(300_000)
  assert.is(a.gossip.sending, 4)
  table.log.length = 0
  for (let i = 0; i < 60; i++) table.round(a)
  const reached = new Set(table.log.map(({ to }) => to))
  assert.equal([...reached].sort(), names(4, 'live'))
})

test('named peers that may not exist take half the places at most, too', () => {
  const table = new Table({ config: { maxSends: 8 } })
  const [a] = table.seat('a', 'b', 'c')
  for (const name of ['b', 'c']) table.deliver({ from: name, to: 'a', text: hello() })
  table.settle()
  table.deliver({ from: 'b', to: 'a', text: hello(names(60, 'bogus')) })
  table.fate = (_, to) => (to.startsWith('bogus') ? 'hangs' : 'sent')
  for (let i = 0; i < 40; i++) {
    table.round(a)
    table.settle(() => true)
  }
  assert.ok(a.gossip.sending <= 4, `${a.gossip.sending} places are taken by strangers`)
  table.log.length = 0
  for (let i = 0; i < 40; i++) table.round(a)
  const reached = new Set(table.log.map(({ to }) => to))
  assert.equal([...reached].sort(), ['b', 'c'])
})

test('maxPeers bounds named peers, and no others', () => {
  const table = new Table({ config: { maxPeers: 10 } })
  const a = table.add('a')
  for (let i = 0; i < 5; i++) {
    const text = hello(names(20, `named${i}-`))
    table.deliver({ from: 'b', to: 'a', text })
  }
  assert.is(a.gossip.peers.size, 10)
  table.deliver({ from: 'heard', to: 'a', text: hello() })
  table.handle(a, { type: 'peers', addresses: ['given'], source: 'given' })
  table.handle(a, { type: 'peers', addresses: ['found'], source: 'found' })
  assert.is(a.gossip.peers.size, 13)
})

test('a dead peer is still tried after a day of failures', () => {
  const table = new Table({ config: { maxBackoffMs: 300_000 } })
  const a = table.add('a')
  table.fate = () => 'failed'
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  table.advance(24 * 3_600_000)
  const tried = table.log.length
  table.advance(400_000)
  assert.ok(table.log.length > tried)
  table.fate = () => 'sent'
  table.advance(400_000)
  assert.is(a.gossip.peers.get('b')!.failures, 0)
})

test.run()
