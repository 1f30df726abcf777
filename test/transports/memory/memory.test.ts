import * as assert from 'uvu/assert'
import { Recorder } from '../../../src/testing/index.ts'
import { MemoryHub, MemoryTransport, type Schedule } from '../../../src/transports/memory/memory.ts'
import { Network, seeded } from '../../../src/transports/memory/network.ts'
import { runTransportContract } from '../../contracts/transport.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const createWorld = (network?: () => Network) => async () => {
  const hub = new MemoryHub(network ? { network: network() } : {})
  return {
    transport: async (name: string) => new MemoryTransport(hub, name),
    dead: async () => 'nobody',
    close: async () => {},
  }
}

runTransportContract('memory', createWorld())

runTransportContract(
  'memory over a bad network',
  createWorld(() => new Network({ random: seeded(1), loss: 0.3, latency: [0, 15], doubling: 0.3 })),
  { lossy: true },
)

const test = suite('memory')

/** A clock that advances only on request, and the calls due on it. */
class Clock {
  now = 0
  due: { at: number; run: () => void }[] = []

  readonly schedule: Schedule = (run, ms) => {
    const entry = { at: this.now + ms, run }
    this.due.push(entry)
    return () => {
      this.due = this.due.filter((other) => other !== entry)
    }
  }

  runAll(): void {
    this.due.sort((left, right) => left.at - right.at)
    for (let next = this.due.shift(); next; next = this.due.shift()) {
      this.now = next.at
      next.run()
    }
  }
}

test('carries messages over virtual time, overtaken and doubled as the network decides', async () => {
  const clock = new Clock()
  const network = new Network({ random: seeded(3), latency: [10, 500], doubling: 0.5 })
  const hub = new MemoryHub({ network, schedule: clock.schedule, now: () => clock.now })
  const a = new MemoryTransport(hub, 'a')
  const b = new MemoryTransport(hub, 'b')
  const seen = new Recorder()
  await a.open(new Recorder())
  await b.open(seen)
  const sent = Array.from({ length: 200 }, (_, index) => `${index}`)
  for (const text of sent) await a.send('b', text)
  const copies = clock.due.length
  assert.is(seen.received.length, 0)
  clock.runAll()
  await until('every copy', () => seen.received.length === copies)
  assert.ok(copies > 250 && copies < 350, `${copies} copies`)
  const order = [...new Set(seen.texts)]
  assert.not.equal(order, sent)
  assert.equal([...order].sort(), [...sent].sort())
})

test('loses what the network loses, without an error', async () => {
  const network = new Network({ random: seeded(5), loss: 1 })
  const hub = new MemoryHub({ network })
  const a = new MemoryTransport(hub, 'a')
  const b = new MemoryTransport(hub, 'b')
  const seen = new Recorder()
  await a.open(new Recorder())
  await b.open(seen)
  await a.send('b', 'lost')
  network.loss = 0
  await a.send('b', 'arrives')
  await until('the second', () => seen.has('arrives'))
  assert.equal(seen.texts, ['arrives'])
})

test('reaches no address behind a partition until it heals', async () => {
  const network = new Network({ random: seeded(1) })
  const hub = new MemoryHub({ network })
  const a = new MemoryTransport(hub, 'a')
  const b = new MemoryTransport(hub, 'b')
  const seen = new Recorder()
  await a.open(new Recorder())
  await b.open(seen)
  network.partition([['a'], ['b']])
  await rejects(() => a.send('b', 'x'), /connection_failed .*"b"/)
  network.heal()
  await a.send('b', 'y')
  await until('the message', () => seen.has('y'))
  assert.equal(seen.texts, ['y'])
})

test('copies messages as bytes: a lone surrogate does not survive', async () => {
  const hub = new MemoryHub()
  const a = new MemoryTransport(hub, 'a')
  const seen = new Recorder()
  await a.open(seen)
  await a.send('a', 'x\ud800y')
  await until('the message', () => seen.received.length > 0)
  assert.equal(seen.received, [{ from: 'a', text: 'x\ufffdy' }])
})

test('refuses an address that is open, and accepts it again once it is free', async () => {
  const hub = new MemoryHub()
  const first = new MemoryTransport(hub, 'a')
  const second = new MemoryTransport(hub, 'a')
  await first.open(new Recorder())
  await rejects(() => second.open(new Recorder()), /already_exists .*"a"/)
  await first.close()
  await second.open(new Recorder())
  await first.close()
  assert.equal(hub.addresses, ['a'])
})

test('rejects with inbox_full if too many messages are unread, until they are read', async () => {
  const hub = new MemoryHub({ maxWaiting: 2 })
  const a = new MemoryTransport(hub, 'a')
  const release: (() => void)[] = []
  const seen = new Recorder(() => new Promise((resolve) => release.push(resolve)))
  await a.open(seen)
  await a.send('a', '1')
  await a.send('a', '2')
  await rejects(() => a.send('a', '3'), /inbox_full .*"a" holds 2/)
  await until('the first', () => release.length === 1)
  release[0]?.()
  await until('the second', () => release.length === 2)
  await a.send('a', '4')
  release[1]?.()
  await until('the last', () => release.length === 3)
  assert.equal(seen.texts, ['1', '2', '4'])
  await a.close()
})

test('lists the open addresses', async () => {
  const hub = new MemoryHub({ maxMessageBytes: 10 })
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new MemoryTransport(hub, name))
  for (const transport of [a!, b!, c!]) await transport.open(new Recorder())
  await c!.close()
  assert.equal(await a!.discover(), ['b'])
  assert.is(a!.maxMessageBytes, 10)
  await rejects(() => c!.discover(), /closed/)
})

test.run()
