/**
 * Anti-entropy between two replicas. Equal digests need no reply; a difference takes four messages
 * at most, in which each side sends exactly what the other lacks; and lost, doubled or late
 * messages cost nothing but time.
 */
import * as assert from 'uvu/assert'
import { Simulation } from '../../src/simulation/index.ts'
import { docOf } from '../helpers/docs.ts'
import {
  carriedBy,
  DOC,
  idsIn,
  kindOf,
  type Member,
  type Message,
  noise,
  packedState,
  pushText,
  stateIn,
  Table,
  without,
} from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: anti-entropy')

/** Gossip that passes nothing on, so that only repair is seen. */
const REPAIR_ONLY = { batchMs: 1e8 }

/** Two members that know each other and have the same few keys, and then go on by themselves. */
const pair = (change: (a: Member, b: Member) => void, common = (a: Member) => baseOf(a)) => {
  const table = new Table({ config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  common(a)
  talk(table, a)
  assert.is(a.replica.digest, b.replica.digest)
  change(a, b)
  table.log.length = 0
  return { table, a, b }
}

const baseOf = ({ map }: Member): void => {
  for (let i = 0; i < 20; i++) map.set(`base${i}`, i)
}

/** One round of `member`, and everything that follows from it. */
const talk = (table: Table, member: Member, drop?: (message: Message) => boolean): Message[] => {
  table.round(member)
  return table.settle(drop)
}

/** A delete set of more than 4 KB: 3,000 runs of one clock. */
const manyDeletes = ({ doc, map }: Member): void => {
  doc.transact(() => {
    for (let i = 0; i < 6_000; i++) map.set(`m${i}`, 0)
  })
  doc.transact(() => {
    for (let i = 0; i < 6_000; i += 2) map.delete(`m${i}`)
  })
}

const cases: Record<string, { change: (a: Member, b: Member) => void; kinds: readonly string[] }> =
  {
    'only the receiver lacks': {
      change: (a) => {
        a.map.set('k', 1)
        a.map.set('base1', 'over')
      },
      kinds: ['digest', 'deletes,digest,vector', 'answer,digest,update'],
    },
    'only the sender lacks': {
      change: (_, b) => {
        b.map.set('k', 1)
        b.map.delete('base1')
      },
      kinds: [
        'digest',
        'deletes,digest,vector',
        'answer,deletes,digest,vector',
        'answer,digest,update',
      ],
    },
    'both lack': {
      change: (a, b) => {
        a.map.set('k', 1)
        b.map.set('k', 2)
        a.map.delete('base1')
        b.map.delete('base2')
      },
      kinds: [
        'digest',
        'deletes,digest,vector',
        'answer,deletes,digest,update,vector',
        'answer,digest,update',
      ],
    },
    'only a delete of the sender is lacking': {
      change: (a) => a.map.delete('base7'),
      kinds: ['digest', 'deletes,digest,vector', 'answer,digest,update'],
    },
    'only a delete of the one who hears is lacking': {
      change: (_, b) => b.map.delete('base7'),
      kinds: [
        'digest',
        'deletes,digest,vector',
        'answer,deletes,digest,vector',
        'answer,digest,update',
      ],
    },
    'both lack a delete': {
      change: (a, b) => {
        a.map.delete('base7')
        b.map.delete('base8')
      },
      kinds: [
        'digest',
        'deletes,digest,vector',
        'answer,deletes,digest,update,vector',
        'answer,digest,update',
      ],
    },
  }

/** What the whole conversation gave to each side, and nothing twice. */
const assertExact = (
  seen: readonly Message[],
  a: Member,
  b: Member,
  before: ReturnType<typeof stateOf>,
) => {
  for (const [to, had, other] of [
    ['a', before.a, before.b],
    ['b', before.b, before.a],
  ] as const) {
    const structs: string[] = []
    const deletes: string[] = []
    for (const message of seen.filter((m) => m.to === to)) {
      const carried = carriedBy(message)
      structs.push(...carried.structs)
      deletes.push(...carried.deletes)
    }
    assert.equal(structs.sort(), without(other.structs, had.structs), `structs for ${to}`)
    // Merging concurrent writes of one key makes deletes of its own: of those that lost.
    assert.equal(without(other.deletes, new Set([...had.deletes, ...deletes])), [], `lacks, ${to}`)
    assert.equal(
      deletes.filter((id) => had.deletes.has(id)),
      [],
      `deletes for ${to}, who had them`,
    )
    assert.is(new Set(deletes).size, deletes.length, `deletes for ${to}, twice`)
  }
  assert.is(a.replica.digest, b.replica.digest)
}

const stateOf = (a: Member, b: Member) => ({ a: idsIn(a.doc), b: idsIn(b.doc) })

test('equal digests have no effect at all', () => {
  const { table, a, b } = pair(() => {})
  const [push] = table.round(a)
  assert.is(kindOf(push!), 'digest')
  table.post.length = 0
  const before = b.gossip.wakeAt
  const effects = b.gossip.handle({ type: 'message', from: 'a', text: push!.text }, table.now)
  assert.equal(effects, [])
  assert.is(b.gossip.wakeAt, before, 'something was planned')
})

for (const [name, { change, kinds }] of Object.entries(cases)) {
  test(`${name}: ${kinds.length} messages, each exactly what the other lacks`, () => {
    const { table, a, b } = pair(change)
    const before = stateOf(a, b)
    const seen = talk(table, a)
    assert.equal(seen.map(kindOf), kinds)
    assert.equal(
      seen.map(({ from }) => from),
      ['a', 'b', 'a', 'b'].slice(0, kinds.length),
    )
    assertExact(seen, a, b, before)
    assert.equal(a.map.toJSON(), b.map.toJSON())
    assert.is(talk(table, b).length, 1, 'the next round is silence')
  })
}

test('with a delete set longer than 4 KB ranges find exactly what is missing', () => {
  for (const change of Object.values(cases).map((one) => one.change)) {
    const { table, a, b } = pair(change, (member) => {
      baseOf(member)
      manyDeletes(member)
    })
    const before = stateOf(a, b)
    const seen = talk(table, a)
    assert.ok(seen.length <= 8, `${seen.length} messages`)
    assert.not(seen.some((m) => stateIn(m).deletes || stateIn(m).vector))
    assert.is(a.replica.digest, b.replica.digest)
    for (const to of ['a', 'b'] as const) {
      const got = seen.filter((m) => m.to === to).map(carriedBy)
      const other = to === 'a' ? before.b : before.a
      const structs = got.flatMap((ids) => [...ids.structs])
      assert.equal(structs.sort(), without(other.structs, before[to].structs))
      // All deletes of a leaf travel if it is wholly deleted.
      const extra = got
        .flatMap((ids) => [...ids.deletes])
        .filter((id) => before[to].deletes.has(id))
      assert.ok(extra.length < 64, `${extra.length} of ${before[to].deletes.size} deletes again`)
    }
  }
})

test('random differences are repaired exactly, in four messages at most', () => {
  eachSeed(60, (random) => {
    const edit = ({ map }: Member) => {
      for (let i = random.int(0, 12); i > 0; i--) {
        const key = `base${random.int(0, 25)}`
        if (random.chance(0.4)) map.delete(key)
        else map.set(key, random.int(0, 99))
      }
    }
    const { table, a, b } = pair((one, two) => {
      edit(one)
      edit(two)
    })
    const before = stateOf(a, b)
    const seen = talk(table, random.pick([a, b]))
    assert.ok(seen.length <= 4, `${seen.length} messages`)
    assertExact(seen, a, b, before)
  })
})

test('idle replicas that differ only by a lost delete repair themselves', () => {
  const swarm = new Simulation({ seed: 3, config: { intervalMs: 5_000 } })
  const a = swarm.add('a', { peers: ['b'], doc: docOf(1) })
  const b = swarm.add('b', { peers: ['a'], doc: docOf(2) })
  a.doc.getMap('map').set('k', 1)
  assert.ok(swarm.run(60_000, () => b.doc.getMap('map').has('k')))
  swarm.network.loss = 1
  a.doc.getMap('map').delete('k')
  swarm.run(1_000)
  swarm.network.loss = 0
  assert.ok(b.doc.getMap('map').has('k'), 'the delete was to be lost')
  assert.ok(
    swarm.run(11_000, () => swarm.hasConverged),
    'two rounds have not repaired it',
  )
  assert.is(b.doc.getMap('map').has('k'), false)
})

test('each message of a conversation lost in turn: two more rounds repair it', () => {
  for (const [name, { change, kinds }] of Object.entries(cases)) {
    for (let dropped = 0; dropped < kinds.length; dropped++) {
      const { table, a, b } = pair(change)
      let count = 0
      talk(table, a, () => count++ === dropped)
      for (const member of [b, a]) {
        table.advance(1_600) // a pull without an answer times out
        talk(table, member)
      }
      assert.is(a.replica.digest, b.replica.digest, `${name}, message ${dropped} dropped`)
    }
  }
})

test('doubled messages cause twice as many at most, and the same end', () => {
  for (const [name, { change, kinds }] of Object.entries(cases)) {
    const { table, a, b } = pair(change)
    table.round(a)
    let messages = 0
    for (let next = table.post.shift(); next; next = table.post.shift()) {
      messages++
      assert.ok(messages <= 4 * kinds.length, `${name}: a storm`)
      table.deliver(next)
      table.deliver(next)
    }
    assert.is(a.replica.digest, b.replica.digest, name)
  }
})

test('an old conversation played again, late and reordered, changes nothing', () => {
  for (const [name, { change }] of Object.entries(cases)) {
    const { table, a, b } = pair(change)
    const old = talk(table, a)
    a.map.set('later', 1)
    b.map.delete('base3')
    const digests = () => [a.replica.digest, b.replica.digest]
    const before = digests()
    const content = [a.map.toJSON(), b.map.toJSON()]
    for (const message of [...old].reverse()) table.deliver(message)
    table.post.length = 0
    assert.equal(digests(), before, name)
    assert.equal([a.map.toJSON(), b.map.toJSON()], content)
    table.advance(1_600)
    talk(table, a)
    talk(table, b)
    assert.is(a.replica.digest, b.replica.digest, name)
  }
})

test('two members that send digests at the same time do not pull twice', () => {
  const { table, a, b } = pair((one, two) => {
    one.map.set('x', 1)
    two.map.set('y', 1)
  })
  table.round(a)
  table.round(b)
  const seen = table.settle()
  assert.ok(seen.length <= 6, `${seen.length} messages for two conversations`)
  assert.is(a.replica.digest, b.replica.digest)
})

test('a node that differs from 50 others pulls from one of them', () => {
  const table = new Table({ config: { ...REPAIR_ONLY, fanout: 0 } })
  const names = Array.from({ length: 50 }, (_, i) => `n${i}`)
  const source = docOf(99)
  source.getMap('map').set('k', noise(5_000))
  const push = pushText({ [DOC]: { update: packedState(source) } })
  const one = table.add('one')
  for (const name of names) {
    table.add(name)
    table.deliver({ from: 'x', to: name, text: push })
  }
  table.introduce(['one', ...names])
  table.settle()
  table.log.length = 0
  // Every digest is delivered before any reply.
  for (const from of names) {
    const { digest } = table.get(from).replica
    table.deliver({ from, to: 'one', text: pushText({ [DOC]: { digest } }) })
  }
  const asked = table.post.filter(({ from }) => from === 'one')
  assert.is(asked.length, 1, 'asked more than one')
  const seen = table.settle()
  assert.ok(seen.length <= 3, `${seen.length} messages`)
  assert.is(one.map.size, 1)
  assert.is(table.advance(60_000).length, 0, 'asked the others, too, though nothing was lacking')
})

test('an answer to a pull that timed out long ago gets no pull in return', () => {
  const { table, a, b } = pair(
    (one, two) => {
      one.map.set('x', 1)
      two.map.set('y', 1)
    },
    (member) => {
      baseOf(member)
      manyDeletes(member)
    },
  )
  table.round(a)
  const [pull] = table.deliver(table.post.shift()!)
  const [answer] = table.deliver(pull!)
  table.post.length = 0
  assert.ok(stateIn(answer!).answer && stateIn(answer!).ranges)
  table.advance(10_000, () => true)
  const last = table.deliver(answer!)
  assert.equal(last.map(kindOf), ['answer,digest,update'])
  table.settle()
  assert.is(a.replica.digest, b.replica.digest)
})

/** Of a time-out of 1,000 ms: when a second peer is asked, while no peer has answered yet. */
const HEDGE_MS = 250

test('a pull without an answer goes to the next peer that differs, one at a time', () => {
  const table = new Table({ config: { ...REPAIR_ONLY, pullTimeoutMs: 1_000 } })
  const [a] = table.seat('a', 'b', 'c', 'd')
  const source = docOf(99)
  source.getMap('map').set('k', 1)
  for (const name of ['b', 'c', 'd']) {
    const update = packedState(source)
    table.deliver({ from: 'x', to: name, text: pushText({ [DOC]: { update } }) })
    table.deliver({
      from: name,
      to: 'a',
      text: pushText({ [DOC]: { digest: table.get(name).replica.digest } }),
    })
  }
  const pulls = (messages: readonly Message[]) =>
    messages.filter((m) => m.from === 'a' && stateIn(m).vector).map(({ to }) => to)
  const isFromA = ({ from }: Message) => from === 'a'
  assert.equal(pulls(table.settle(isFromA)), ['b'])
  assert.is(a.gossip.wakeAt, table.now + HEDGE_MS)
  assert.equal(pulls(table.advance(HEDGE_MS - 1, isFromA)), [])
  assert.equal(pulls(table.advance(1, isFromA)), ['c'])
  assert.equal(pulls(table.advance(HEDGE_MS)), ['d'])
  assert.is(a.map.get('k'), 1)
  assert.equal(pulls(table.advance(60_000)), [])
})

/** `a` knows from b, c and d, by two updates, that they have more; it has asked b, and then c. */
const impatient = () => {
  const table = new Table({ config: { ...REPAIR_ONLY, pullTimeoutMs: 1_000 } })
  const [a] = table.seat('a', 'b', 'c', 'd')
  const source = docOf(99)
  source.getMap('map').set('first', 1)
  const first = packedState(source)
  source.getMap('map').set('second', 2)
  const all = packedState(source)
  for (const name of ['b', 'c', 'd']) {
    table.deliver({ from: 'x', to: name, text: pushText({ [DOC]: { update: all } }) })
    const { digest } = table.get(name).replica
    table.deliver({ from: name, to: 'a', text: pushText({ [DOC]: { digest } }) })
  }
  const { digest } = table.get('b').replica
  const isFromA = ({ from }: Message) => from === 'a'
  /** The peers that `a` asks within that time; all of these pulls are lost. */
  const asked = (milliseconds: number): string[] =>
    table
      .advance(milliseconds, isFromA)
      .filter((m) => m.from === 'a' && stateIn(m).vector)
      .map(({ to }) => to)
  const part = (from: string, state: object): void => {
    table.deliver({ from, to: 'a', text: pushText({ [DOC]: { answer: true, digest, ...state } }) })
  }
  assert.equal(asked(2 * HEDGE_MS - 1), ['b', 'c'])
  return { table, a, asked, part, first, all }
}

test('no other peer is asked for a long answer that begins late', () => {
  const { a, asked, part, first, all } = impatient()
  part('b', { update: first, more: true })
  assert.is(a.map.get('first'), 1)
  assert.equal(asked(999), [], 'another is asked while the answer comes')
  part('b', { more: true })
  assert.equal(asked(999), [])
  part('b', { update: all })
  assert.is(a.map.get('second'), 2)
  assert.equal(asked(60_000), [])
})

test('a late answer that stops halfway times out like any other', () => {
  const { asked, part, first } = impatient()
  part('b', { update: first, more: true })
  // The last of them once more, as there is no other.
  assert.equal(asked(10_000), ['d', 'c', 'c'])
})

test('a peer that was not asked does not keep others from being asked', () => {
  const { asked, part, first } = impatient()
  part('d', { update: first, more: true })
  assert.equal(asked(1_000), ['d'])
  part('x', { more: true })
  assert.is(asked(1_000).length, 1)
})

test('the wait for the next part of an answer has a bound', () => {
  const { table, asked, part } = impatient()
  for (let i = 0; i < 6; i++) {
    part('b', { more: true })
    const before = table.now
    table.now = Math.min(before + 60_000, table.get('a').gossip.wakeAt - 1)
    assert.ok(table.now - before <= 10_000, `${table.now - before} ms`)
  }
  assert.is(asked(2).length, 1)
})

test('a new digest of the asked peer while its answer is late is pulled when that has come', () => {
  const { table, a, b } = pair((_, two) => two.map.set('k', 1))
  table.round(b)
  const [pull] = table.deliver(table.post.shift()!)
  table.post.length = 0
  const [late] = table.deliver(pull!)
  b.map.set('k', 2)
  const [push] = table.round(b)
  assert.equal(table.deliver(push!), [], 'asked again before the answer had come')
  assert.equal(table.deliver(push!), [])
  table.post.length = 0
  const again = table.deliver(late!)
  assert.equal(again.map(kindOf), ['deletes,digest,vector'])
  table.settle()
  assert.is(a.map.get('k'), 2)
})

test('a failed pull goes to the next peer at once', () => {
  const table = new Table({ config: REPAIR_ONLY })
  const [a] = table.seat('a', 'b', 'c')
  const source = docOf(99)
  source.getMap('map').set('k', 1)
  const update = packedState(source)
  table.deliver({ from: 'x', to: 'c', text: pushText({ [DOC]: { update } }) })
  table.post.length = 0
  const text = pushText({ [DOC]: { digest: table.get('c').replica.digest } })
  table.fate = () => 'hangs'
  table.deliver({ from: 'b', to: 'a', text })
  table.deliver({ from: 'c', to: 'a', text })
  table.fate = () => 'sent'
  const next = table.handle(a, { type: 'failed', to: 'b' })
  assert.equal(
    next.map(({ to }) => to),
    ['c'],
  )
  table.settle()
  assert.is(a.map.get('k'), 1)
})

test('a peer that always replies with digests causes one message each at most', () => {
  const table = new Table({ config: REPAIR_ONLY })
  const [a] = table.seat('a', 'b')
  baseOf(a)
  const digestOf = (i: number) => i.toString(16).padStart(22, '0')
  const summary = table.get('b').replica.syncRequest()
  const far = packedState(docOf(5))
  for (let i = 0; i < 300; i++) {
    const digest = digestOf(i)
    const states = [
      { digest },
      { digest, answer: true },
      { digest, ...summary },
      { digest, ...summary, answer: true },
      { digest, answer: true, more: true },
      { digest, update: far, answer: true },
    ]
    const state = states[i % states.length]!
    const provoked = table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: state }) })
    assert.ok(
      provoked.length <= 1,
      `${kindOf({ text: pushText({ [DOC]: state }) })} provoked ${provoked.length}`,
    )
    table.post.length = 0
  }
  const later = table.advance(60_000, () => true)
  assert.ok(later.length <= 1, `${later.length} messages later, without a pull`)
})

test('an update with a gap that never closes causes one message each at most', () => {
  const table = new Table({ config: REPAIR_ONLY })
  const [a] = table.seat('a', 'b')
  const source = docOf(99)
  const whole = new Table({ config: { fanout: 1 } })
  const s = whole.add('s', { doc: source })
  s.gossip.peers.add('a', 'given')
  source.getMap('map').set('first', 1)
  whole.change(s)
  whole.advance(30, () => true) // never arrives
  let total = 0
  for (let i = 0; i < 50; i++) {
    source.getMap('map').set(`k${i}`, i)
    whole.change(s)
    const [push] = whole.advance(30, () => true)
    total += table.deliver({ from: 'b', to: 'a', text: push!.text }).length
    const nothing = pushText({ [DOC]: { digest: 'f'.repeat(22), answer: true } })
    total += table.deliver({ from: 'b', to: 'a', text: nothing }).length
    table.post.length = 0
  }
  assert.ok(total <= 100, `${total} messages`)
  assert.is(a.map.size, 0)
  assert.is(a.replica.waiting.updates, 50)
  const later = table.advance(600_000, () => true)
  assert.ok(later.length <= 600_000 / a.gossip.config.pullTimeoutMs, `${later.length} messages`)
})

test('an idle swarm of 100 sends its rounds and nothing else', () => {
  let sent = 0
  let kinds = 0
  const swarm = new Simulation({
    seed: 11,
    latency: [10, 50],
    onSend: (_, __, text) => {
      sent++
      if (text.includes('"vector"') || text.includes('"update"')) kinds++
    },
  })
  const names = Array.from({ length: 100 }, (_, i) => `n${i}`)
  for (const name of names) swarm.add(name, { peers: names })
  swarm.nodes.get('n0')!.doc.getMap('map').set('k', 1)
  assert.ok(swarm.run(120_000, () => swarm.hasConverged))
  swarm.run(60_000)
  sent = 0
  kinds = 0
  const seconds = 300
  swarm.run(seconds * 1_000)
  const rate = sent / 100 / seconds
  assert.is(kinds, 0, 'a pull or an update was sent')
  assert.ok(rate <= (3 / 5) * 1.05, `${rate.toFixed(3)} messages a node and second`)
  assert.ok(
    rate >= (3 / 5) * 0.95,
    `${rate.toFixed(3)} messages a node and second: rounds are missing`,
  )
})

test.run()
