/**
 * A sealed transport: it keeps the contract, and who lacks the secret reads nothing, writes nothing
 * and gets no answer. Secrets change without a gap.
 */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { pilotGossip, pilotGossipHot } from '../../../bench/engines/pilot-gossip.ts'
import { Base } from '../../../bench/workloads/base.ts'
import { Agent } from '../../../src/agent/agent.ts'
import { isFailure } from '../../../src/errors.ts'
import { readEntries, writeEntry } from '../../../src/maps/index.ts'
import { Recorder } from '../../../src/testing/index.ts'
import { MemoryHub, MemoryTransport } from '../../../src/transports/memory/memory.ts'
import { openSealed, seal } from '../../../src/transports/sealed/envelope.ts'
import { SwarmKeys } from '../../../src/transports/sealed/keys.ts'
import { Numbers } from '../../../src/transports/sealed/numbers.ts'
import { pack, unpack } from '../../../src/transports/sealed/packing.ts'
import { SealedTransport, sealedOf } from '../../../src/transports/sealed/sealed-transport.ts'
import { newSecret, readSecretFile } from '../../../src/transports/sealed/secret.ts'
import { runTransportContract } from '../../contracts/transport.ts'
import { inFolder } from '../../helpers/folder.ts'
import { eachSeed } from '../../helpers/random.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const SECRET = newSecret()
const SWARM = 'kv'

runTransportContract('sealed memory', async () => {
  const hub = new MemoryHub()
  return {
    transport: async (name: string) =>
      new SealedTransport(new MemoryTransport(hub, name), SECRET, SWARM),
    dead: async () => 'nobody',
    close: async () => {},
  }
})

const test = suite('sealed transport')

/** Two open transports, one of which records; and what an eavesdropper would see. */
const pair = async (one: string | string[] = SECRET, other: string | string[] = SECRET) => {
  const hub = new MemoryHub()
  const wire: { from: string; to: string; text: string }[] = []
  const create = (name: string, secret: string | string[]) => {
    const inner = new MemoryTransport(hub, name)
    const send = inner.send.bind(inner)
    inner.send = (to, text) => {
      wire.push({ from: name, to, text })
      return send(to, text)
    }
    return new SealedTransport(inner, secret, SWARM)
  }
  const [a, b] = [create('a', one), create('b', other)]
  const [atA, atB] = [new Recorder(), new Recorder()]
  await a.open(atA)
  await b.open(atB)
  return { hub, a, b, atA, atB, wire }
}

test('what is sent arrives unchanged, and shows nothing on its way', async () => {
  const { a, atB, wire } = await pair()
  const text = `{"type":"gossip_push","swarm":"${SWARM}","state":{"diary":"nobody may read this"}}`
  await a.send('b', text)
  await until('it', () => atB.received.length === 1)
  assert.equal(atB.received, [{ from: 'a', text }])
  assert.match(wire[0]!.text, /^\{"type":"gossip_push",/)
  const { swarm, sender } = JSON.parse(wire[0]!.text)
  assert.is.not(swarm, SWARM)
  assert.is(sender, '')
  assert.not.match(wire[0]!.text, /diary|nobody/)
})

test('two equal messages differ on their way', async () => {
  const { a, wire } = await pair()
  await a.send('b', 'x')
  await a.send('b', 'x')
  assert.is.not(wire[0]!.text, wire[1]!.text)
})

test('what is not sealed, by another secret, for another, turned round, changed or sent again is dropped', async () => {
  const { hub, a, b, atA, atB, wire } = await pair()
  const stranger = new MemoryTransport(hub, 'stranger')
  const heard = new Recorder()
  await stranger.open(heard)
  const other = new SealedTransport(new MemoryTransport(hub, 'other'), newSecret(), SWARM)
  await other.open(new Recorder())
  await a.send('b', 'honest')
  const honest = wire[0]!.text
  const body = honest.indexOf('"sealed":"') + 30
  const changed = `${honest.slice(0, body)}${honest[body] === 'A' ? 'B' : 'A'}${honest.slice(body + 1)}`
  await stranger.send('b', 'open') // not sealed
  await stranger.send('b', honest) // of another sender
  await stranger.send('a', honest) // for another receiver
  await stranger.send('b', changed)
  await stranger.send('b', honest.replace(/"sealed":"[^"]*"/, '"sealed":""'))
  await stranger.send('b', honest.replace(/"sealed":"[^"]*"/, '"sealed":"AAAA"'))
  await other.send('b', 'of another swarm')
  await until('a has seen its own', () => a.seal.refused.forged === 1)
  const inner = new MemoryTransport(hub, 'a')
  await a.close()
  await inner.open(new Recorder())
  await inner.send('b', honest) // again
  await inner.send('b', changed)
  await until('all of it', () => Object.values(b.seal.refused).reduce((x, y) => x + y) === 8)
  assert.equal(b.seal.refused, { unsealed: 2, forged: 5, replayed: 1 })
  assert.equal(atB.texts, ['honest'])
  assert.equal(atA.texts, [])
  assert.equal(heard.texts, [], 'a stranger got an answer')
  assert.ok(
    atB.problems.every(
      ({ code, message }) => code === 'trust_required' && !message.includes(SECRET),
    ),
  )
})

test('late and overtaken messages are taken once each', async () => {
  const { hub, a, b, atB, wire } = await pair()
  for (let i = 0; i < 3_000; i++) await a.send('b', `${i}`)
  await until('all', () => atB.received.length === 3_000)
  await a.close()
  const again = new MemoryTransport(hub, 'a')
  await again.open(new Recorder())
  for (const { text } of wire) await again.send('b', text)
  await until('all again', () => b.seal.refused.replayed === 3_000)
  assert.is(atB.received.length, 3_000)
})

test('a sender that starts again is heard, whatever its clock says', async () => {
  const { hub, a, atB } = await pair()
  await a.send('b', 'first life')
  await a.close()
  for (let life = 0; life < 100; life++) {
    const next = new SealedTransport(new MemoryTransport(hub, 'a'), SECRET, SWARM)
    await next.open(new Recorder())
    await next.send('b', `life ${life}`)
    await next.close()
  }
  await until('all lives', () => atB.received.length === 101)
})

test('a swarm of another name with the same secret reads nothing', async () => {
  const hub = new MemoryHub()
  const one = new SealedTransport(new MemoryTransport(hub, 'a'), SECRET, 'one')
  const two = new SealedTransport(new MemoryTransport(hub, 'b'), SECRET, 'two')
  const seen = new Recorder()
  await one.open(new Recorder())
  await two.open(seen)
  await one.send('b', 'x')
  await until('it', () => two.seal.refused.unsealed === 1)
  assert.equal(seen.texts, [])
})

test('secrets change without a gap, and it is seen who lags behind', async () => {
  const [old, fresh] = [newSecret(), newSecret()]
  const steps: [string[], string[]][] = [
    [[old], [fresh, old]],
    [
      [fresh, old],
      [fresh, old],
    ],
    [[fresh], [fresh, old]],
    [[fresh], [fresh]],
  ]
  for (const [one, other] of steps) {
    const { a, b, atA, atB } = await pair(one, other)
    for (let i = 0; i < 3; i++) {
      await a.send('b', `${i}`)
      await until('it', () => atB.received.length === i + 1)
      await b.send('a', `${i}`)
      await until('the answer', () => atA.received.length === i + 1)
    }
    assert.equal(b.seal.former, one.length === 1 && one[0] === old ? ['a'] : [])
  }
})

test('who has two secrets uses the newer one as soon as the peer knows it', async () => {
  const [old, fresh] = [newSecret(), newSecret()]
  const { a, b, atA, atB, wire } = await pair([fresh, old], [fresh, old])
  await a.send('b', '1')
  await until('it', () => atB.received.length === 1)
  await b.send('a', '2')
  await until('it', () => atA.received.length === 1)
  await a.send('b', '3')
  const tags = wire.map(({ text }) => JSON.parse(text).swarm)
  assert.is.not(tags[0], tags[1])
  assert.is(tags[1], tags[2])
})

test('agents with the secret share a map; an open agent and one with another secret get nothing', async () => {
  const hub = new MemoryHub()
  const create = (name: string, secret?: string) => {
    const memory = new MemoryTransport(hub, name)
    return new Agent({
      swarm: SWARM,
      transport: memory,
      peers: ['a'].filter((peer) => peer !== name),
      config: { intervalMs: 100 },
      ...(secret !== undefined && { secret }),
    })
  }
  const [a, b, open, other] = [
    create('a', SECRET),
    create('b', SECRET),
    create('open'),
    create('other', newSecret()),
  ]
  const all = [a, b, open, other]
  for (const agent of all) await agent.start()
  try {
    writeEntry(open.doc, 'state', 'from', 'a stranger')
    writeEntry(other.doc, 'state', 'from', 'another swarm')
    writeEntry(a.doc, 'state', 'k', 1)
    await until('b', () => readEntries(b.doc, 'state').k === 1)
    await until('refusals', () => {
      const { refused } = a.status().secret!
      return refused.unsealed >= 2
    })
    assert.equal(readEntries(a.doc, 'state'), { k: 1 })
    assert.equal(readEntries(open.doc, 'state'), { from: 'a stranger' })
    assert.is(open.status().counters.pushesReceived, 0)
    assert.is(open.status().secret, undefined)
    assert.ok(a.status().peers.every(({ address }) => address === 'b'))
  } finally {
    await Promise.all(all.map((agent) => agent.stop()))
  }
})

test('a secret is long, of one word, and in a file that only its owner reads', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'secret')
    const fails = (code: string) =>
      assert.throws(
        () => readSecretFile(path),
        (error: unknown) => isFailure(error) && error.code === code,
      )
    const write = (text: string, mode = 0o600) => {
      writeFileSync(path, text)
      chmodSync(path, mode)
    }
    fails('not_found')
    write(`# of the swarm kv\n${SECRET}\n\n`)
    assert.equal(readSecretFile(path), [SECRET])
    const [old, fresh] = [newSecret(), newSecret()]
    write(`${fresh}\r\n${old}\n`)
    assert.equal(readSecretFile(path), [fresh, old])
    for (const text of [
      '',
      '# nothing\n',
      'short\n',
      `two words ${SECRET}\n`,
      `${old}\n${old}\n`,
      `${old}\n${fresh}\n${SECRET}\n`,
    ]) {
      write(text)
      fails('invalid_argument')
    }
    write(`${SECRET}\n`, 0o644)
    fails('permission_denied')
    for (const secret of ['', 'short', 'x'.repeat(2_000)])
      assert.throws(
        () => new SealedTransport(new MemoryTransport(new MemoryHub(), 'a'), secret, SWARM),
        (error: Error) => !secret || !error.message.includes(secret),
      )
  }))

test('a message of today is opened by any later version', () => {
  const keys = new SwarmKeys('a secret of thirty-two characters'.replaceAll(' ', '-'), SWARM)
  const number = Buffer.from('0123456789abcdef00000007', 'hex')
  const route = { from: 'a', to: 'b' }
  const push =
    '{"type":"gossip_push","version":1,"state":{},"sender":"a","timestamp":"1","swarm":"kv","format":2}'
  const former =
    '{"type":"gossip_push","version":0,"state":{"sealed":"ASNFZ4mrze8AAAAHA+gYPxzMbXW9GnDejHNJuIcB3+qmwGm1flXLGL0KKofoCnr6ew=="},"sender":"","timestamp":"0","swarm":"zWdZuu8nRU8","format":2}'
  const today =
    '{"type":"gossip_push","version":0,"state":{"sealed":"ASNFZ4mrze8AAAAHA+oYPwz6riNZziYItodI5MtjKOzHcPdrtDV98T4+Z1YQagDRKBHNfg1lDQ=="},"sender":"","timestamp":"0","swarm":"zWdZuu8nRU8","format":2}'
  for (const golden of [former, today])
    assert.equal(openSealed(keys, route, golden), { number, text: push, flags: 1 })
  assert.is(seal(keys, route, number, push, 1), today)
})

test('a push is hardly longer when it is sealed', () => {
  const keys = new SwarmKeys(SECRET, SWARM)
  const number = new Numbers(() => 0)
  const route = { from: '0:0000.0000.000A', to: '0:0000.0000.000B' }
  for (const engine of [pilotGossip, pilotGossipHot]) {
    const base = new Base(engine, 1_000, 1)
    const changes = [1, 10, 100].map((count) => base.createPair(count).first as string)
    for (const text of [...changes, base.whole as string, base.digest as string]) {
      const sealed = seal(keys, route, number.next(), text, 0)
      assert.ok(
        sealed.length - text.length <= 60,
        `${sealed.length - text.length} of ${text.length}`,
      )
      assert.is(openSealed(keys, route, sealed)?.text, text)
    }
  }
})

test('any text is packed and unpacked', () => {
  const base64 = Buffer.from('a'.repeat(30)).toString('base64')
  const texts = [
    '',
    'x',
    '\u0001',
    `"\u0001${base64}"`,
    `"${base64}"`,
    `"${base64}" and "${base64}"`,
    `"${base64.slice(0, -1)}"`,
    '"AAAAAAAAAAAAAAAAAAAAAAAAAAAB=="',
    '\u0000€😀',
    '\u001f{"type":"gossip_push","version":1',
    '{"type":"gossip_push","version":1,"state":{"é":{"digest":""}}},"sender":"0:0000.0000.000A","timestamp":"1"',
    `["${'A'.repeat(100_000)}"]`,
  ]
  for (const text of texts) assert.is(unpack(pack(text), 200_000), text)
  eachSeed(200, (random) => {
    const text = JSON.stringify([
      random.text(random.int(0, 60)),
      base64.slice(random.int(0, 9)),
      random.text(5),
    ])
    assert.is(unpack(pack(text), 10_000), text)
  })
  assert.throws(() => unpack(pack('x'.repeat(10_000)), 5_000))
  // A few bytes that would become many.
  const words = ',"encoding":"v1+deflate","length":'.repeat(10_000)
  assert.throws(() => unpack(pack(words), words.length - 1), /too long/)
  for (const bytes of [
    [],
    [9],
    [3],
    [2],
    [2, 0, 0, 0, 9],
    [2, 0, 0, 0, 1, 1],
    [2, 0, 0, 0, 1, 1, 0, 0, 0, 9],
    [0, 0, 0, 9],
  ]) {
    assert.throws(() => unpack(Buffer.from(bytes), 1_000), RangeError)
  }
})

test('the same transport is sealed once', () => {
  const memory = new MemoryTransport(new MemoryHub(), 'a')
  const sealed = sealedOf(memory, SECRET, SWARM)
  assert.is(sealedOf(memory, SECRET, SWARM), sealed)
  assert.is(sealedOf(memory, [SECRET], SWARM), sealed)
  assert.is(sealedOf(memory, undefined, SWARM), memory)
  // An agent that starts again over the transport, after the secret has changed.
  assert.is.not(sealedOf(memory, newSecret(), SWARM), sealed)
})

test.run()
