/**
 * The provider as its user sees it: events and their order, the contracts of `synced` and
 * `sync-status`, and calls of `connect` and `disconnect` in any order.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import type { Failure } from '../../src/errors.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { Network, seeded } from '../../src/transports/memory/network.ts'
import { eventsOf, onStage, QUICK, textOf, turns, write } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('provider')

const slowHub = (): MemoryHub =>
  new MemoryHub({ network: new Network({ random: seeded(1), latency: [5, 30], loss: 0.2 }) })

test('two providers write one text', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    write(a, 'hello')
    await until('b has it', () => textOf(b) === 'hello')
    write(b, ' world')
    await until('a has it', () => textOf(a) === 'hello world')
  }))

test('five providers converge over a network that loses a fifth of the messages', () =>
  onStage(async (stage) => {
    const all = ['a', 'b', 'c', 'd', 'e'].map((name) => stage.add(name))
    await Promise.all(all.map(({ whenSynced }) => whenSynced))
    for (const [index, provider] of all.entries()) write(provider, `${index}`)
    await until('all agree', () =>
      all.every(
        (provider) => textOf(provider).length === 5 && textOf(provider) === textOf(all[0]!),
      ),
    )
  }, slowHub()))

test('emits its events in order', () =>
  onStage(async (stage) => {
    const other = stage.add('other')
    await until('it is there', () => other.connected)
    const provider = stage.add('a', { connect: false })
    const events = eventsOf(provider)
    assert.is(provider.status, 'disconnected')
    provider.connect()
    assert.is(provider.status, 'connecting')
    await provider.whenSynced
    assert.equal(events, ['connecting', 'connected', 'green', 'synced true', 'sync true'])
    events.length = 0
    provider.disconnect()
    assert.equal(events, ['disconnected', 'synced false', 'sync false', 'yellow', 'close'])
    events.length = 0
    await provider.destroy()
    assert.equal(events, ['destroy'])
  }))

test('connects without a call', () =>
  onStage(async (stage) => {
    const provider = stage.add('a')
    assert.is(provider.status, 'connecting')
    assert.is(provider.shouldConnect, true)
    await until('connected', () => provider.connected)
    assert.is(provider.synced, false, 'without a peer it is not synced')
  }))

test('is synced with the first peer, and not synced after it leaves', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    await until('connected', () => a.connected)
    await rejects(() => a.forceSync({ timeoutMs: 30 }), /timeout none of 0 peers answered/)
    assert.is(a.synced, false)
    const b = stage.add('b')
    write(b, 'x')
    await a.whenSynced
    await b.whenSynced
    assert.is(a.synced, true)
    a.disconnect()
    assert.is(a.synced, false)
    a.connect()
    await until('synced again', () => a.synced)
  }))

test('has the content of a peer when it is synced', () =>
  onStage(
    async (stage) => {
      const a = stage.add('a')
      const long = 'x'.repeat(20_000)
      write(a, long)
      await until('a is there', () => a.connected)
      const b = stage.add('b')
      await b.whenSynced
      assert.is(textOf(b), long)
    },
    new MemoryHub({ network: new Network({ random: seeded(2), latency: [5, 20] }) }),
  ))

test('emits sync and load of the document', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    const { doc } = a
    const events: string[] = []
    doc.on('sync', (isSynced) => events.push(`sync ${isSynced}`))
    doc.on('load', () => events.push('load'))
    assert.is(doc.isLoaded, false)
    const { whenSynced } = doc
    stage.add('b')
    await whenSynced
    await doc.whenLoaded
    assert.is(doc.isSynced, true)
    assert.is(doc.isLoaded, true)
    a.disconnect()
    assert.is(doc.isSynced, false)
    assert.equal(events.sort(), ['load', 'sync false', 'sync true'])
  }))

test('is the origin of changes of peers, and emits update for them', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const origins: unknown[] = []
    const updates: Uint8Array[] = []
    b.doc.on('update', (_update: Uint8Array, origin: unknown) => origins.push(origin))
    b.on('update', (update, origin) => {
      assert.is(origin, b)
      updates.push(update)
    })
    write(b, 'own')
    write(a, 'other')
    await until('b has both', () => textOf(b).length === 8)
    assert.is(origins[0], null)
    assert.is(origins.at(-1), b)
    const copy = new Y.Doc()
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(a.doc))
    assert.ok(updates.length > 0)
  }))

test('ends in the state of the last call after many calls of connect and disconnect', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    write(b, 'x')
    const a = stage.add('a', { connect: false })
    const events = eventsOf(a)
    for (let i = 0; i < 20; i++) {
      a.connect()
      a.connect()
      if (i % 3 === 0) await Promise.resolve()
      if (i % 4 === 0) await turns(1)
      a.disconnect()
      a.disconnect()
    }
    await turns()
    assert.is(a.status, 'disconnected')
    assert.is(a.shouldConnect, false)
    assert.is(events.at(-1) === 'connected', false)
    a.connect()
    await until('a has it', () => textOf(a) === 'x')
    assert.is(events.filter((line) => line.startsWith('error')).length, 0)
    assert.is(events.filter((line) => line.startsWith('problem')).length, 0)
  }))

test('destroy can be called at any time, and more than once', () =>
  onStage(async (stage) => {
    for (const pause of [0, 1, 2, 3, 5, 10]) {
      const a = stage.add('a')
      for (let i = 0; i < pause; i++) await Promise.resolve()
      const ended = a.destroy()
      assert.is(a.destroy(), ended)
      await ended
      assert.is(a.status, 'disconnected')
      assert.equal(stage.hub.addresses, [], `after ${pause} turns`)
      a.connect()
      assert.is(a.status, 'disconnected')
    }
  }))

test('destroy can be called by its listener', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    let ends = 0
    a.on('destroy', () => ends++)
    a.on('status', () => void a.destroy())
    await until('destroyed', () => ends > 0)
    await a.destroy()
    assert.is(ends, 1)
    assert.equal(stage.hub.addresses, [])
  }))

test('ends with its document', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    await until('connected', () => a.connected)
    let isDestroyed = false
    a.on('destroy', () => {
      isDestroyed = true
    })
    a.doc.destroy()
    await until('it has ended', () => isDestroyed)
    assert.equal(stage.hub.addresses, [])
  }))

test('destroy pushes earlier writes of any length', () =>
  onStage(
    async (stage) => {
      const b = stage.add('b')
      for (const length of [1, 100_000]) {
        const a = stage.add('a')
        await a.whenSynced
        write(a, 'x'.repeat(length))
        await a.destroy()
        assert.ok(textOf(b).length >= length, `${length} characters`)
      }
    },
    new MemoryHub({ network: new Network({ random: seeded(2), latency: [5, 20] }) }),
  ))

test('two rooms of one transport share an agent, which ends with the last one', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const one = stage.add('a', { via, room: 'one' })
    const two = stage.add('a', { via, room: 'two' })
    const other = stage.add('b', { room: 'two' })
    write(two, '2')
    await until('b has two', () => textOf(other) === '2')
    assert.is(textOf(one), '')
    await two.destroy()
    assert.ok(stage.hub.addresses.includes('a'))
    const again = stage.add('a', { via, room: 'two' })
    await until('two is there again', () => textOf(again) === '2')
    await Promise.all([one.destroy(), again.destroy()])
    assert.equal(stage.hub.addresses, ['b'])
  }))

test('refuses a second document in a room of a transport until the first has left', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const first = stage.add('a', { via })
    await until('connected', () => first.connected)
    const second = stage.add('a', { via })
    const events = eventsOf(second)
    await until('it fails', () => events.includes('error already_exists'))
    assert.is(second.status, 'disconnected')
    await first.destroy()
    await until('it is its turn', () => second.connected)
  }))

test('refuses a second swarm over one transport', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const one = stage.add('a', { via, room: 'one', swarm: 'kv' })
    const two = stage.add('a', { via, room: 'two', swarm: 'other' })
    const failure = await new Promise<Failure>((resolve) => two.on('connection-error', resolve))
    assert.is(failure.code, 'invalid_argument')
    assert.match(failure.message, '"kv"')
    assert.is(two.shouldConnect, false)
    await until('the first is there', () => one.connected)
  }))

test('retries while the transport cannot be opened', () =>
  onStage(async (stage) => {
    const holder = stage.add('a')
    await until('a is taken', () => holder.connected)
    const provider = stage.add('a')
    const events = eventsOf(provider)
    await until('it fails', () => events.includes('error already_exists'))
    assert.is(provider.shouldConnect, true)
    await holder.destroy()
    await until('connected', () => provider.connected)
    assert.equal(events.slice(0, 4), [
      'disconnected',
      'error already_exists',
      'connecting',
      'connected',
    ])
  }))

test('ignores a failure after disconnect', () =>
  onStage(async (stage) => {
    const holder = stage.add('a')
    await until('a is taken', () => holder.connected)
    const provider = stage.add('a')
    const events = eventsOf(provider)
    provider.disconnect()
    await turns()
    assert.equal(events, ['disconnected'])
    await holder.destroy()
    provider.connect()
    await until('connected', () => provider.connected)
    assert.is(events.filter((line) => line.startsWith('error')).length, 0)
  }))

test('reports a peer that does not exist, and does not retry', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const { Failure } = await import('../../src/errors.ts')
    via.resolve = async (name) => {
      if (name === 'b') return name
      throw new Failure('not_found', `no host "${name}"`)
    }
    const events = eventsOf(stage.add('a', { via, peers: ['nobody'], room: 'one' }))
    await until('reported', () => events.includes('error not_found'))
    assert.equal(events, ['disconnected', 'error not_found'])
    const again = stage.add('b')
    const known = stage.add('c', { peers: ['b'] })
    await until('a given peer', () => known.peers.some(({ source }) => source !== 'found'))
    assert.ok(again.peers.length > 0)
  }))

test('a second provider of a transport adds its peers', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    via.discover = async () => []
    const one = stage.add('a', { via, room: 'one' })
    await until('connected', () => one.connected)
    assert.equal(one.peers, [])
    const other = stage.add('b', { room: 'two' })
    await until('b is there', () => other.connected)
    const two = stage.add('a', { via, room: 'two', peers: ['b'] })
    await two.whenSynced
    assert.equal(
      two.peers.map(({ address }) => address),
      ['b'],
    )
  }))

test('throws for invalid names of rooms', async () => {
  const hub = new MemoryHub()
  const { MemoryTransport } = await import('../../src/transports/memory/memory.ts')
  for (const name of ['', '__proto__', 'x'.repeat(257), '\ud800']) {
    const doc = new Y.Doc()
    await rejects(
      () => new PilotGossipProvider(new MemoryTransport(hub, 'a'), name, doc),
      /invalid_argument/,
    )
    assert.is(doc._observers.get('update'), undefined)
  }
})

test('sync-status is yellow while a change is sent, and green once a peer has acknowledged it', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    await a.whenSynced
    const events = eventsOf(a)
    write(a, 'x')
    assert.is(a.syncStatus.status, 'yellow')
    await until('green', () => a.syncStatus.status === 'green')
    assert.is(textOf(b), 'x')
    assert.equal(events, ['yellow', 'green'])
    a.doc.getText('text').delete(0, 1)
    assert.is(a.syncStatus.status, 'yellow', 'a delete is a change too')
    await until('green', () => a.syncStatus.status === 'green')
    assert.is(textOf(b), '')
  }))

test('sync-status is red after a long wait, with its duration', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { staleMs: 50 })
    await until('connected', () => a.connected)
    assert.is(a.syncStatus.oldestMs, null)
    const events = eventsOf(a)
    write(a, 'x')
    await until('red', () => events.includes('red'))
    assert.equal(events, ['yellow', 'red'])
    assert.ok(a.syncStatus.oldestMs! >= 50)
    const b = stage.add('b')
    await until('green', () => a.syncStatus.status === 'green')
    assert.is(textOf(b), 'x')
    assert.is(a.syncStatus.oldestMs, null)
  }))

test('counts changes made while disconnected as pending until a peer has them', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a', { staleMs: 50 }), stage.add('b')]
    await a.whenSynced
    a.disconnect()
    assert.equal(a.syncStatus, { status: 'yellow', oldestMs: null })
    const events = eventsOf(a)
    write(a, 'away')
    assert.ok(a.syncStatus.oldestMs !== null)
    await until('red', () => events.includes('red'))
    assert.is(textOf(b), '')
    a.connect()
    await until('b has it', () => textOf(b) === 'away')
    await until('green', () => a.syncStatus.status === 'green')
    assert.is(events.at(-1), 'green')
  }))

test('receives changes of peers after it reconnects', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    await a.whenSynced
    a.disconnect()
    write(b, 'meanwhile')
    await turns()
    assert.is(textOf(a), '', 'nothing is applied while it is away')
    a.connect()
    await until('a has it', () => textOf(a) === 'meanwhile')
  }))

test('emits waiting when an update waits for its predecessor', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    await until('connected', () => a.connected)
    const events = eventsOf(a)
    // The second update arrives; the first one is nowhere yet.
    const source = new Y.Doc()
    const updates: Uint8Array[] = []
    source.on('update', (update: Uint8Array) => updates.push(update))
    source.getText('text').insert(0, 'a')
    source.getText('text').insert(1, 'b')
    const { nodePlatform } = await import('../../src/platform.ts')
    const { digestBytes, packUpdate } = await import('../../crdt/index.ts')
    const { pushText } = await import('../helpers/gossip.ts')
    const send = async (bytes: Uint8Array): Promise<void> => {
      const digest = digestBytes(bytes, nodePlatform)
      const update = packUpdate({ bytes, digest, needs: new Map() }, nodePlatform)
      await stranger.send('a', pushText({ room: { update } }, { swarm: 'pilot-gossip' }))
    }
    const stranger = stage.transport('stranger')
    await stranger.open({
      accepts: () => true,
      receive: () => undefined,
      onProblem: () => undefined,
    })
    await send(updates[1]!)
    await until('it waits', () => events.includes('waiting 1'))
    assert.is(textOf(a), '')
    await send(updates[0]!)
    await until('it has come', () => textOf(a) === 'ab')
    assert.equal(
      events.filter((line) => line.startsWith('waiting')),
      ['waiting 1', 'waiting 0'],
    )
    await stranger.close()
  }))

test('forceSync pulls the current content of a peer', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    await a.whenSynced
    write(b, 'now')
    await a.forceSync()
    await a.forceSync()
    assert.is(textOf(a), 'now')
    a.disconnect()
    await rejects(() => a.forceSync(), /closed/)
  }))

test('forceSync rejects when the provider leaves', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    await until('connected', () => a.connected)
    const forced = rejects(() => a.forceSync(), /closed/)
    a.disconnect()
    await forced
  }))

test('flush sends fresh changes', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const sent: string[] = []
    const send = via.send.bind(via)
    via.send = async (to, text) => {
      await send(to, text)
      sent.push(text)
    }
    // A batch takes longer than the test.
    const a = stage.add('a', { via, config: { ...QUICK, batchMs: 1e6 } })
    stage.add('b')
    await a.whenSynced
    write(a, 'x')
    assert.is(sent.filter((text) => text.includes('"update"')).length, 0)
    await a.flush()
    assert.ok(sent.some((text) => text.includes('"update"')))
    a.disconnect()
    await a.flush()
  }))

test('reports a refused message by all providers of the transport', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const one = stage.add('a', { via, room: 'one' })
    const two = stage.add('a', { via, room: 'two' })
    await until('both', () => one.connected && two.connected)
    const [ones, twos] = [eventsOf(one), eventsOf(two)]
    const stranger = stage.transport('stranger')
    await stranger.open({
      accepts: () => true,
      receive: () => undefined,
      onProblem: () => undefined,
    })
    const { pushText } = await import('../helpers/gossip.ts')
    const text = pushText({ room: { digest: 'd'.repeat(22) } }, { swarm: 'pilot-gossip' })
    await stranger.send('a', text.replace('"format":2', '"format":9'))
    await until('reported', () => ones.includes('problem refused'))
    assert.ok(twos.includes('problem refused'))
    await one.destroy()
    await stranger.send('a', text.replace('"format":2', '"format":9'))
    await until('reported', () => twos.filter((line) => line === 'problem refused').length === 2)
    await stranger.close()
  }))

test('a listener that throws does not stop others from being called', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const problems: unknown[] = []
    const one = stage.add('a', { via, room: 'one' })
    const two = stage.add('a', { via, room: 'two' })
    one.on('problem', (problem) => problems.push(problem))
    one.on('synced', () => {
      throw new Error('of a listener')
    })
    stage.add('b', { room: 'one' })
    stage.add('c', { room: 'two' })
    const d = stage.add('d', { room: 'two' })
    await two.whenSynced
    write(two, 'x')
    await until('others go on', () => textOf(d) === 'x')
    assert.is(one.synced, true)
    assert.ok(problems.length > 0)
  }))

test.run()
