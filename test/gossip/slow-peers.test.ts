/**
 * Peers and transports at their limits: what waits for a slow peer is merged and bounded, what a
 * failed send carried is sent again, and what is too long for one message goes in chunks.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { LIMITS, Replica } from '../../crdt/index.ts'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { Rumors } from '../../src/gossip/rumors.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf } from '../helpers/docs.ts'
import {
  bytesOf,
  carriedBy,
  DOC,
  idsIn,
  kindOf,
  type Member,
  type Message,
  noise,
  packedState,
  pushText,
  readMessage,
  stateIn,
  Table,
  without,
} from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: slow peers, failed sends, chunks')

const BATCH_MS = DEFAULTS.batchMs
const REPAIR_ONLY = { batchMs: 1e8 }

const write = (table: Table, member: Member, key: string, value: unknown): void => {
  member.map.set(key, value)
  table.change(member)
  table.advance(BATCH_MS)
}

/** `a` and `b`; the first message from `a` to `b` is still under way. */
const slowPair = () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  table.fate = () => 'hangs'
  write(table, a, 'first', 0)
  assert.is(table.log.length, 1)
  const end = () => {
    table.fate = () => 'sent'
    table.post.push(table.log[0]!)
    table.handle(a, { type: 'sent', to: 'b' })
    return table.post.slice(1)
  }
  return { table, a, b, end }
}

test('what waits for a slow peer is one message that merges', () => {
  const { table, a, b, end } = slowPair()
  for (let i = 0; i < 40; i++) write(table, a, `k${i}`, i)
  assert.is(table.log.length, 1, 'sent to a peer whose last message has not left')
  const [message, ...others] = end()
  assert.is(others.length, 0)
  assert.is(kindOf(message!), 'update')
  assert.is(carriedBy(message!).structs.size, 40)
  table.settle()
  assert.equal(b.map.toJSON(), a.map.toJSON())
})

test('after 10,000 changes the peer gets one message, the digest, and pulls the rest', () => {
  const { table, a, b, end } = slowPair()
  for (let i = 0; i < 10_000; i++) write(table, a, `k${i % 50}`, i)
  assert.is(table.log.length, 1)
  const [message, ...others] = end()
  assert.is(others.length, 0)
  assert.is(kindOf(message!), 'digest')
  const seen = table.settle()
  assert.ok(seen.length <= 5, `${seen.length} messages`)
  assert.equal(b.map.toJSON(), a.map.toJSON())
  assert.is(b.replica.digest, a.replica.digest)
})

test('512 flushes of recent changes are kept, whatever came in each', () => {
  const doc = docOf(1)
  const replica = new Replica(doc, nodePlatform)
  const rumors = new Rumors()
  const begun = rumors.flush()
  for (let flush = 0; flush < 600; flush++) {
    for (let i = 0; i < 50; i++) doc.getMap('map').set('k', i)
    for (const delta of replica.takeLocal()) rumors.add(delta)
    rumors.flush()
  }
  assert.is(rumors.deltaSince(begun, 'b'), undefined, 'a number that is not kept any more')
  assert.is(rumors.deltaSince(600 - 513, 'b'), undefined)
  const kept = rumors.deltaSince(600 - 512, 'b')
  assert.equal(kept?.structs.get(1), { from: 88 * 50, to: 30_000 })
  assert.is(rumors.deltaSince(600, 'b')?.structs.size, 0)
})

test('memory does not grow with what a slow peer misses', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap = () => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const { table, a } = slowPair()
  for (let i = 0; i < 2_000; i++) write(table, a, 'k', i)
  const before = heap()
  // Each batch brings a burst: 64 times 600 deltas of some 500 bytes would be 20 MB.
  for (let window = 0; window < 100; window++) {
    for (let i = 0; i < 600; i++) {
      a.map.set('k', i)
      table.change(a)
    }
    table.advance(BATCH_MS)
  }
  const grown = heap() - before
  assert.ok(grown < 2 * 2 ** 20, `${(grown / 2 ** 20).toFixed(1)} MB more`)
  assert.is(a.map.get('k'), 599) // all of it is still alive
})

test('what a failed send carried is sent again when the peer is tried next, merged', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  table.fate = () => 'failed'
  write(table, a, 'one', 1)
  assert.is(table.log.length, 1)
  write(table, a, 'two', 2)
  a.map.set('three', 3)
  table.change(a)
  assert.is(table.log.length, 1, 'tried before its time')
  table.fate = () => 'sent'
  const sent = table.advance(1_250)
  assert.is(sent.length, 1)
  assert.is(kindOf(sent[0]!), 'update')
  assert.is(carriedBy(sent[0]!).structs.size, 3)
  assert.equal(b.map.toJSON(), { one: 1, two: 2, three: 3 })
})

test('a failed round push is repeated, together with what came since', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  table.fate = () => 'failed'
  table.round(a)
  write(table, a, 'one', 1)
  table.fate = () => 'sent'
  const [again, ...others] = table.advance(1_250)
  assert.is(kindOf(again!), 'digest')
  assert.ok(others.length <= 3)
})

test('a failed answer is not kept, as the peer pulls again', () => {
  const table = new Table({ config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  a.map.set('k', 1)
  table.round(a)
  table.deliver(table.post.shift()!)
  table.fate = () => 'failed'
  const [answer] = table.deliver(table.post.shift()!)
  assert.ok(stateIn(answer!).answer)
  table.fate = () => 'sent'
  assert.is(table.advance(DEFAULTS.pullTimeoutMs - 1).length, 0)
  table.advance(1)
  assert.is(b.map.get('k'), 1)
})

/** Two members with the same limit on messages; `fill` writes at `a`. */
const narrow = (maxMessageBytes: number, fill: (doc: Y.Doc) => void) => {
  const table = new Table({ maxMessageBytes, config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  fill(a.doc)
  return { table, a, b }
}

const assertShort = (messages: readonly Message[], maxBytes: number): void => {
  for (const message of messages) {
    const bytes = bytesOf([message])
    assert.ok(bytes <= maxBytes, `a message of ${bytes} bytes: ${message.text.slice(0, 300)}`)
  }
}

test('200 KB go through messages of 4,000 bytes in chunks that each merge by themselves', () => {
  const { table, a, b } = narrow(4_000, (doc) => {
    for (let i = 0; i < 700; i++) doc.getMap('map').set(`key${i}`, noise(280, i))
  })
  const before = idsIn(b.doc)
  table.round(a)
  const parts: Message[] = []
  let keys = 0
  for (let next = table.post.shift(); next; next = table.post.shift()) {
    table.deliver(next)
    if (next.to !== 'b' || !stateIn(next).update) continue
    parts.push(next)
    assert.is(b.replica.waiting.updates, 0, 'a part does not merge by itself')
    assert.ok(b.map.size > keys, 'a part brings nothing to see')
    keys = b.map.size
  }
  assertShort(table.log, 4_000)
  assert.ok(parts.length > 100)
  assert.equal(
    parts.map((part) => stateIn(part).more === true),
    parts.map((_, i) => i < parts.length - 1),
  )
  assert.is(b.replica.digest, a.replica.digest)
  const got = parts.flatMap((part) => [...carriedBy(part).structs]).sort()
  assert.equal(got, without(idsIn(a.doc).structs, before.structs), 'not each struct once')
  // Half of a message is envelope here; the chunks must fill the rest.
  assert.ok(parts.length < 250, `${parts.length} parts`)
})

test('long delete sets go in chunks, too', () => {
  const { table, a, b } = narrow(4_000, (doc) => {
    doc.transact(() => {
      for (let i = 0; i < 8_000; i++) doc.getMap('map').set(`k${i}`, 0)
    })
  })
  table.round(a)
  table.settle()
  a.doc.transact(() => {
    for (let i = 0; i < 8_000; i += 2) a.map.delete(`k${i}`)
  })
  table.log.length = 0
  table.round(a)
  table.settle()
  assertShort(table.log, 4_000)
  assert.is(b.map.size, 4_000)
  assert.is(b.replica.digest, a.replica.digest)
})

test('each chunk lost in turn: two more rounds bring what is lacking', () => {
  for (let lost = 0; lost < 12; lost++) {
    const { table, a, b } = narrow(4_000, (doc) => {
      for (let i = 0; i < 40; i++) doc.getMap('map').set(`key${i % 30}`, noise(280, i))
    })
    let count = 0
    table.round(a)
    table.settle(({ to }) => to === 'b' && count++ === lost)
    for (const member of [b, a]) {
      table.advance(1_600)
      table.round(member)
      table.settle()
    }
    assert.is(b.replica.digest, a.replica.digest, `message ${lost} to b was lost`)
  }
})

test('chunks in any order, some of them twice: nothing is lost, and each causes one more pull at most', () => {
  eachSeed(20, (random) => {
    const { table, a, b } = narrow(4_000, (doc) => {
      for (let i = 0; i < 40; i++) doc.getMap('map').set(`key${i % 30}`, noise(280, i))
    })
    table.round(a)
    table.settle(({ to }) => to === 'b' && table.log.length > 1)
    const parts = table.log.filter((m) => m.to === 'b' && stateIn(m).update)
    table.log.length = 0
    for (const part of random.shuffle([...parts, ...parts.slice(0, 3)])) table.deliver(part)
    const asked = table.log.length
    assert.ok(asked <= parts.length + 3, `${asked} pulls`)
    table.settle()
    table.advance(1_600)
    table.round(a)
    table.settle()
    assert.is(b.replica.digest, a.replica.digest)
  })
})

test('a value longer than a message goes in fragments, and everything else as before', () => {
  const { table, a, b } = narrow(4_000, (doc) => {
    // Of three writers, two have a small value that could travel with the large one.
    for (const [writer, size] of [
      [50, 20],
      [60, 10_000],
      [70, 20],
    ] as const) {
      const other = docOf(writer)
      other.getMap('map').set(`of${writer}`, noise(size))
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
    }
    for (let i = 0; i < 30; i++) doc.getMap('map').set(`own${i}`, noise(100, i))
  })
  table.round(a)
  const seen = table.settle()
  assertShort(table.log, 4_000)
  assert.equal(a.effects, [])
  assert.equal(b.map.toJSON(), a.map.toJSON())
  assert.is(b.replica.digest, a.replica.digest)
  // Chunks after the long value are as long as the others.
  assert.ok(seen.length < 16, `${seen.length} messages for 14 KB`)
})

test('a change that needs many clocks makes no message too long', () => {
  const table = new Table({ maxMessageBytes: 8_000, config: { inlineBytes: 1e6 } })
  const [a] = table.seat('a', 'b')
  const source = new Y.Doc()
  const keys = Array.from({ length: 560 }, (_, i) => `${i}${noise(4, i)}`)
  for (let i = 0; i < 560; i++) {
    a.map.set(keys[i]!, 0)
    const other = docOf(2 ** 40 + i)
    other.getMap('map').set(keys[i]!, 1)
    Y.applyUpdate(source, Y.encodeStateAsUpdate(other))
  }
  // b has the entries that won over all of a's.
  table.fate = () => 'hangs'
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { update: packedState(source) } }) })
  table.advance(BATCH_MS)
  assert.is(table.log.length, 1)
  assert.is(a.map.get(keys[7]!), 1)
  assertShort(table.log, 8_000)
  // The same for the chunks of an answer.
  Y.applyUpdate(table.get('b').doc, Y.encodeStateAsUpdate(source))
  table.fate = () => 'sent'
  table.post.push(...table.log)
  table.handle(a, { type: 'sent', to: 'b' })
  table.settle()
  assertShort(table.log, 8_000)
  assert.is(table.get('b').replica.digest, a.replica.digest)
})

test('many documents with long names: every message is short enough, and all documents are announced', () => {
  eachSeed(10, (random) => {
    const table = new Table({ maxMessageBytes: 4_000, config: REPAIR_ONLY })
    const [a, b] = table.seat('a', 'b')
    const names = Array.from({ length: 60 }, (_, i) => `${i}${random.text(random.int(0, 90))}\n`)
    const replicas = names.map((name, i) => {
      const mine = new Replica(docOf(1_000 + i), nodePlatform)
      mine.doc.getMap('map').set('k', noise(random.int(0, 300), i))
      const theirs = new Replica(docOf(2_000 + i), nodePlatform)
      a.gossip.open(name, mine)
      b.gossip.open(name, theirs)
      return [mine, theirs] as const
    })
    for (let i = 0; i < 20; i++) {
      const from = `${'漢'.repeat(60)}${i}`
      table.deliver({ from, to: 'a', text: pushText({ [DOC]: { digest: 'd'.repeat(22) } }) })
    }
    table.settle()
    for (let round = 0; round < 7; round++) table.round(a) // three of 21 peers in each
    table.settle()
    assertShort(table.log, 4_000)
    assert.equal([...a.effects, ...b.effects], [])
    for (const [mine, theirs] of replicas) assert.is(theirs.digest, mine.digest)
    const named = new Set(table.log.flatMap((m) => [...readMessage(m).state.keys()]))
    assert.is(named.size, 61)
  })
})

test('a pull with many writers leaves its deletes out if they do not fit', () => {
  const table = new Table({ maxMessageBytes: 4_500, config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  const source = docOf(9)
  for (let writer = 0; writer < 60; writer++) {
    const other = docOf(2 ** 40 + writer)
    for (let i = 0; i < 30; i++) other.getArray('list').push([i])
    for (let i = 0; i < 15; i++) other.getArray('list').delete(i)
    Y.applyUpdate(source, Y.encodeStateAsUpdate(other))
  }
  for (const { doc } of [a, b]) Y.applyUpdate(doc, Y.encodeStateAsUpdate(source))
  for (const member of [a, b]) member.map.set(member.address, noise(2_000))
  assert.ok(a.replica.syncRequest().deletes, 'the deletes would travel')
  table.round(a)
  const seen = table.settle()
  assertShort(table.log, 4_500)
  assert.ok(seen.some((m) => stateIn(m).vector && !stateIn(m).deletes))
  assert.is(a.replica.digest, b.replica.digest)
})

test('a pull with a vector longer than a message goes by ranges', () => {
  const table = new Table({ maxMessageBytes: 4_000, config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  for (let writer = 0; writer < 400; writer++) {
    const other = docOf(2 ** 40 + writer)
    other.getArray('list').push([writer])
    for (const { doc } of [a, b]) Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  }
  for (const member of [a, b]) member.map.set(member.address, 1)
  table.round(a)
  const seen = table.advance(60_000)
  assertShort(table.log, 4_000)
  assert.ok(seen.length <= 12, `${seen.length} messages`)
  assert.ok(seen.some((m) => stateIn(m).ranges))
  for (const member of [a, b]) assert.equal(member.effects, [])
  assert.is(b.replica.digest, a.replica.digest)
})

test('replicas that differ in too many writers pull by vectors, in fragments', () => {
  const table = new Table({ maxMessageBytes: 4_000, config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  for (let writer = 0; writer < 2_000; writer++) {
    const other = docOf(2 ** 40 + 7 * writer)
    other.getArray('list').push([writer])
    const { doc } = writer % 2 === 0 ? a : b
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  }
  table.round(a)
  table.advance(60_000)
  assertShort(table.log, 4_000)
  for (const member of [a, b]) assert.equal(member.effects, [])
  assert.is(b.replica.digest, a.replica.digest)
})

test('an update that a peer with our limits would reject is not sent', () => {
  const limits = { ...LIMITS, messageBytes: 8_000, updateBytes: 6_000 }
  const table = new Table({ limits, config: REPAIR_ONLY })
  const [a, b] = table.seat('a', 'b')
  for (let i = 0; i < 100; i++) a.map.set(`noise${i}`, noise(200, i))
  // Deflates to nothing: the message is short, the update is not.
  for (let i = 0; i < 200; i++) a.map.set(`same${i}`, 'x'.repeat(200))
  table.round(a)
  table.settle()
  assertShort(table.log, 8_000)
  assert.equal(b.effects, [])
  assert.is(b.replica.digest, a.replica.digest)
})

test.run()
