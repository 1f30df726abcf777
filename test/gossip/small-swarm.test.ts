/**
 * Small swarms, in which a writer pushes to every peer and no peer passes the change on. Also how
 * many sends run at a time, depending on whether they are late, and whether this host or a peer
 * fails.
 */
import * as assert from 'uvu/assert'
import { DEFAULTS, type GossipConfig } from '../../src/gossip/index.ts'
import { isLate, SendWindow } from '../../src/gossip/send-window.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { docOf } from '../helpers/docs.ts'
import {
  carriedBy,
  DOC,
  kindOf,
  type Member,
  type Message,
  noise,
  packedState,
  pushText,
  readMessage,
  stateIn,
  Table,
} from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: small swarms')

const { batchMs, digestDelayMs, backoffMs, pauseMs, maxSends } = DEFAULTS

const small = (config: Partial<GossipConfig> = {}): Table =>
  new Table({ config: { digestFanout: DEFAULTS.digestFanout, ...config } })

const write = (table: Table, member: Member, key: string, value: unknown): void => {
  member.map.set(key, value)
  table.change(member)
}

/** What leaves meanwhile, of which nothing arrives. */
const leaving = (table: Table, ms: number): Message[] => {
  const before = table.log.length
  table.advance(ms, () => true)
  return table.log.slice(before)
}

const ways = (messages: readonly Message[]): string[] =>
  messages.map(({ from, to }) => `${from}${to}`).sort()

for (let size = 2; size <= 7; size++) {
  test(`one write among ${size} takes ${size - 1} pushes and one digest, none of them redundant`, () => {
    const table = small()
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, size)
    for (const name of names) table.add(name)
    table.introduce(names)
    const a = table.get('a')
    write(table, a, 'k', 1)
    const seen = table.advance(60_000)
    assert.is(seen.filter((message) => kindOf(message) === 'update').length, size - 1)
    assert.equal(
      seen.map(kindOf).filter((kind) => kind !== 'update'),
      ['digest'],
    )
    for (const { map, gossip } of table.members.values()) {
      assert.is(map.get('k'), 1)
      assert.is(gossip.counters.redundant, 0)
    }
  })
}

test('a push names the other peers that get it, and a receiver passes it on only to the rest', () => {
  const table = small()
  const [, b] = table.seat('a', 'b', 'c', 'd')
  table.add('e')
  b.gossip.peers.add('e', 'given') // unknown to a
  write(table, table.get('a'), 'k', 1)
  const pushes = table.advance(batchMs, () => true)
  assert.equal(ways(pushes), ['ab', 'ac', 'ad'])
  const toB = pushes.find(({ to }) => to === 'b')!
  assert.equal([...(stateIn(toB).update!.told ?? [])].sort(), ['c', 'd'])
  table.deliver(toB)
  const passed = table.advance(batchMs, () => true)
  assert.equal(ways(passed), ['be'])
  assert.equal([...(stateIn(passed[0]!).update!.told ?? [])].sort(), ['a', 'c', 'd'])
})

test('a peer that the push missed learns of it by the digest of a round', () => {
  const table = small()
  const [a, b, c] = table.seat('a', 'b', 'c')
  write(table, a, 'k', 1)
  table.advance(batchMs, ({ to }) => to === 'b')
  table.advance(digestDelayMs, () => true)
  assert.is(b.map.get('k'), undefined)
  assert.is(c.map.get('k'), 1)
  for (let round = 0; round < 2; round++) table.round(c)
  table.settle()
  assert.is(b.map.get('k'), 1)
})

test('a push of an older version, without that list, is passed on as before', () => {
  const table = small()
  const [, b] = table.seat('a', 'b', 'c', 'd')
  write(table, table.get('a'), 'k', 1)
  const [push] = table.advance(batchMs, () => true).filter(({ to }) => to === 'b')
  const message = JSON.parse(push!.text)
  delete message.state[DOC].update.told
  table.deliver({ ...push!, text: JSON.stringify(message) })
  assert.equal(ways(table.advance(batchMs, () => true)), ['bc', 'bd'])
  assert.is(b.map.get('k'), 1)
})

test('a long write in a small swarm is pushed to all, by its writer only', () => {
  const table = small()
  const [a] = table.seat('a', 'b', 'c', 'd')
  write(table, a, 'k', noise(30_000))
  const seen = table.advance(60_000)
  assert.equal(seen.map(kindOf), ['update', 'update', 'update', 'digest'])
  const strangers = small()
  const [x] = strangers.seat('x', 'y', 'z')
  strangers.add('s')
  const doc = docOf(77)
  doc.getMap('map').set('k', noise(30_000))
  const text = pushText({ [DOC]: { update: packedState(doc) } })
  strangers.deliver({ from: 's', to: 'x', text })
  strangers.post.length = 0
  assert.ok(x.map.has('k'))
  const passed = strangers.advance(batchMs, () => true)
  assert.equal([...new Set(passed.map(kindOf))], ['digest'], 'it was pushed as a whole again')
})

test('several messages at once are merged as one change, and each is passed on to peers that lack it', () => {
  const table = small({ fanout: 10 })
  const [x, a, b] = table.seat('x', 'a', 'b')
  write(table, a, 'a', 1)
  write(table, b, 'b', 2)
  const pushes = table.advance(batchMs, () => true).filter(({ to }) => to === 'x')
  assert.is(pushes.length, 2)
  let transactions = 0
  x.doc.on('afterTransaction', () => transactions++)
  table.handle(x, { type: 'messages', messages: pushes })
  assert.is(transactions, 1)
  assert.equal(x.map.toJSON(), { a: 1, b: 2 })
  assert.equal(
    table.advance(60_000, () => true).filter(({ from }) => from === 'x'),
    [],
  )
})

test('a damaged message among several is rejected alone', () => {
  const table = small()
  const [x, a, b, c] = table.seat('x', 'a', 'b', 'c')
  for (const [i, member] of [a, b, c].entries()) write(table, member, `k${i}`, i)
  const pushes = table.advance(batchMs, () => true).filter(({ to }) => to === 'x')
  const damaged = pushes.map((push, i) => {
    const message = JSON.parse(push.text)
    if (i === 1) message.state[DOC].update.digest = '0'.repeat(32)
    return { ...push, text: i === 2 ? 'no push' : JSON.stringify(message) }
  })
  table.handle(x, { type: 'messages', messages: damaged })
  assert.equal(x.map.toJSON(), {
    [`k${'abc'.indexOf(pushes[0]!.from)}`]: 'abc'.indexOf(pushes[0]!.from),
  })
  assert.equal(
    x.effects.map((effect) => effect.type === 'refused' && effect.reason),
    ['malformed', 'damaged'],
  )
})

test('the same update from two peers at once counts as redundant once', () => {
  const table = small()
  const [x, a] = table.seat('x', 'a', 'b')
  write(table, a, 'k', 1)
  const push = table.advance(batchMs, () => true).find(({ to }) => to === 'x')!
  table.handle(x, { type: 'messages', messages: [push, { ...push, from: 'b' }] })
  assert.is(x.gossip.counters.redundant, 1)
  assert.equal(
    table.advance(60_000).filter(({ from }) => from === 'x'),
    [],
  )
})

test('of several digests of one peer only the last one causes a pull', () => {
  const table = small()
  const [x] = table.seat('x', 'a')
  const hello = (digest: string) => ({ from: 'a', text: pushText({ [DOC]: { digest } }) })
  const messages = [hello('1'.repeat(22)), hello(x.replica.digest)]
  const sent = table.handle(x, { type: 'messages', messages })
  assert.equal(
    sent.filter((message) => stateIn(message).vector),
    [],
  )
  const [pull] = table.handle(x, { type: 'messages', messages: [...messages].reverse() })
  assert.ok(stateIn(pull!).vector)
})

test('a part of a batch that waits for a later one is merged with it', () => {
  const table = small()
  const [x, a] = table.seat('x', 'a')
  const pushes: Message[] = []
  for (const [i, key] of ['one', 'two', 'three'].entries()) {
    write(table, a, key, i)
    pushes.push(...table.advance(batchMs, () => true).filter(({ to }) => to === 'x'))
  }
  table.handle(x, { type: 'messages', messages: [...pushes].reverse() })
  assert.equal(x.map.toJSON(), { one: 0, two: 1, three: 2 })
  assert.is(x.replica.waiting.updates, 0)
  assert.is(x.replica.digest, a.replica.digest)
})

/** `a`, whose sends hang, with so many peers that are alive. */
const hanging = (peers: number, config: Partial<GossipConfig> = {}) => {
  const table = new Table({ config: { fanout: peers, ...config }, random: seeded(1) })
  const a = table.add('a')
  const names = Array.from({ length: peers }, (_, i) => `p${i}`)
  for (const name of names) {
    table.deliver({ from: name, to: 'a', text: pushText({ [DOC]: { digest: a.replica.digest } }) })
  }
  table.post.length = 0
  table.fate = () => 'hangs'
  return { table, a, names }
}

test('late sends become fewer at a time, and more again when they are in time', () => {
  const { table, a, names } = hanging(16)
  let underWay = new Set<string>()
  const begin = (messages: readonly Message[]): void => {
    for (const { to } of messages) underWay.add(to)
  }
  /** Ends everything under way after so long, twenty times; returns the highest number under way. */
  const cycle = (ms: number): number => {
    let most = 0
    for (let i = 0; i < 20; i++) {
      a.map.set('k', `${ms} ${i}`)
      table.change(a)
      begin(leaving(table, batchMs))
      most = underWay.size
      const ending = [...underWay]
      table.now += ms
      underWay = new Set()
      for (const to of ending) begin(table.handle(a, { type: 'sent', to }))
    }
    return most
  }
  assert.is(names.length, 16)
  assert.is(cycle(30), maxSends)
  assert.is(cycle(600), 1)
  assert.is(cycle(30), maxSends)
})

test('a time-out of a peer heard meanwhile, or one beside late ones, is not counted as its failure', () => {
  const { table, a } = hanging(2)
  write(table, a, 'k', 1)
  assert.equal(ways(leaving(table, batchMs)), ['ap0', 'ap1'])
  table.now += 1_000
  const text = pushText({ [DOC]: { digest: '1'.repeat(22) } })
  table.deliver({ from: 'p0', to: 'a', text })
  table.now += 2_000
  table.handle(a, { type: 'failed', to: 'p0', cause: 'timeout' })
  table.handle(a, { type: 'failed', to: 'p1', cause: 'timeout' })
  assert.is(a.gossip.peers.get('p0')!.failures, 0)
  assert.is(a.gossip.peers.get('p1')!.failures, 1)
  assert.is(a.gossip.counters.sendsFailed, 2)
  assert.ok(
    table.log.some(({ to, at }) => to === 'p0' && at === table.now),
    'it was not sent again',
  )
})

test('a failure of this host pauses all sending, and is counted against no peer', () => {
  const { table, a } = hanging(4)
  write(table, a, 'k', 1)
  assert.is(leaving(table, batchMs).length, 4)
  for (const to of ['p0', 'p1', 'p2', 'p3']) table.handle(a, { type: 'failed', to, cause: 'local' })
  for (const peer of a.gossip.peers) assert.is(peer.failures, 0)
  assert.is(a.gossip.wakeAt, table.now + pauseMs)
  assert.equal(leaving(table, pauseMs - 1), [])
  const tries = leaving(table, 1)
  assert.is(tries.length, 1, 'one at a time tries')
  table.handle(a, { type: 'failed', to: tries[0]!.to, cause: 'local' })
  const again = leaving(table, pauseMs)
  assert.is(again.length, 1)
  // It works again: all of them get it at once, and a round is made.
  const rest = table.handle(a, { type: 'sent', to: again[0]!.to })
  const receivers = new Set(
    [again[0]!, ...rest].filter((m) => stateIn(m).update).map(({ to }) => to),
  )
  assert.is(receivers.size, 4)
  assert.ok(
    rest.some((message) => stateIn(message).digest),
    'no round',
  )
  for (const message of rest)
    if (stateIn(message).update) assert.is(carriedBy(message).structs.size, 1)
})

test('once one peer is reached after none was, all are tried at once', () => {
  const { table, a } = hanging(3)
  for (let i = 0; i < 6; i++) {
    for (const to of ['p0', 'p1', 'p2']) a.gossip.peers.fail(a.gossip.peers.get(to)!, table.now)
  }
  write(table, a, 'k', 1)
  assert.equal(leaving(table, backoffMs), [])
  const text = pushText({ [DOC]: { digest: '1'.repeat(22) } })
  table.deliver({ from: 'p1', to: 'a', text })
  for (const peer of a.gossip.peers) assert.is(peer.failures, 0)
})

test('one peer that fails among others is left alone, and has a reason', () => {
  const { table, a } = hanging(3)
  write(table, a, 'k', 1)
  leaving(table, batchMs)
  const failure = { code: 'trust_required', message: 'p1 does not trust us' }
  table.handle(a, { type: 'failed', to: 'p1', failure })
  const peer = a.gossip.peers.get('p1')!
  assert.is(peer.failures, 1)
  assert.equal(peer.failure, failure)
  table.handle(a, { type: 'sent', to: 'p0' })
  assert.is(peer.failures, 1, 'a send to another peer does not affect it')
  table.deliver({ from: 'p1', to: 'a', text: pushText({ [DOC]: { digest: a.replica.digest } }) })
  assert.is(peer.failure, undefined)
})

test('nothing is sent before messages that wait behind a batch, and then everything at once', () => {
  const { table, a } = hanging(4)
  const text = pushText({ [DOC]: { digest: a.replica.digest } })
  const batch = { type: 'messages', messages: [{ from: 'p0', text }] } as const
  table.handle(a, { ...batch, waiting: 500 })
  a.map.set('k', 1)
  table.change(a)
  assert.equal(leaving(table, batchMs), [])
  const sent = table.handle(a, batch)
  assert.is(sent.length, Math.min(4, maxSends / 2))
  const { members } = readMessage(sent[0]!)
  assert.ok(members.length <= DEFAULTS.membersIntroduced)
})

test('a late send is judged by the best time of that peer, and takes more than 50 ms', () => {
  assert.is(isLate(49, 1), false)
  assert.is(isLate(51, 1), true)
  assert.is(isLate(799, 200), false)
  assert.is(isLate(801, 200), true)
  assert.is(isLate(10_000, undefined), false)
  const window = new SendWindow(8)
  for (let i = 0; i < 8; i++) window.ended(0, true, 100)
  assert.is(window.size, 4, 'what began together counts once')
  for (let i = 1; i <= 5; i++) window.ended(100 * i, true, 100 * i)
  assert.is(window.size, 1)
})

test.run()
