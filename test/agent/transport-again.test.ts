/**
 * One transport that is used several times: by an editor page that mounts twice, by an agent that is
 * stopped and created again, and by several that take turns or conflict.
 */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent } from '../../src/agent/agent.ts'
import { type Failure, isFailure } from '../../src/errors.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { PilotTransport } from '../../src/transports/pilot/transport.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { fakeSwarm } from '../fixtures/pilot/fake.ts'
import { inFolder } from '../helpers/folder.ts'
import { eventsOf, onStage, QUICK, textOf, turns, write } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('a transport that is used again')

/** Creates the transports of a swarm by name, and ends what they use. */
type World = () => { transport(name: string): Transport; end(): Promise<void> | void }

const inMemory: World = () => {
  const hub = new MemoryHub()
  return { transport: (name) => new MemoryTransport(hub, name), end: () => undefined }
}

const byFakePilot: World = () => {
  const fake = fakeSwarm()
  return {
    transport: (name) => {
      const number = ['a', 'b'].indexOf(name) + 1
      const { options } = fake.node(number, { tags: ['swarm:kv'], trusted: [1, 2] })
      return new PilotTransport({ ...options, timeoutMs: 8_000 })
    },
    end: () => fake.close(),
  }
}

const worlds: Readonly<
  Record<string, (play: (world: ReturnType<World>) => Promise<void>) => Promise<void>>
> = {
  memory: (play) => play(inMemory()),
  mailbox: (play) =>
    inFolder((dir) =>
      play({
        transport: (address) => new MailboxTransport({ dir, address }),
        end: () => undefined,
      }),
    ),
  'a fake pilotctl': async (play) => {
    const world = byFakePilot()
    try {
      await play(world)
    } finally {
      await world.end()
    }
  },
}

const OPTIONS = { config: QUICK, swarm: 'kv' }

/** The point at which the first provider is destroyed. */
const stages: Readonly<
  Record<string, (provider: PilotGossipProvider) => Promise<unknown> | undefined>
> = {
  'at once': () => undefined,
  'in the next turn': () => turns(1),
  'after three turns': () => turns(3),
  connected: (provider) => until('connected', () => provider.connected),
  'with an unsent change': async (provider) => {
    // Without a peer it could not hand it over.
    await provider.whenSynced
    write(provider, 'first ')
  },
  synced: (provider) => provider.whenSynced,
}

for (const [name, inWorld] of Object.entries(worlds)) {
  const few = name === 'a fake pilotctl' ? ['at once', 'connected', 'synced'] : Object.keys(stages)
  for (const stage of few) {
    for (const waits of [false, true]) {
      test(`${name}: a provider can be created ${waits ? 'after' : 'while'} another one ends (${stage})`, () =>
        inWorld(async (world) => {
          const b = new PilotGossipProvider(world.transport('b'), 'room', new Y.Doc(), {
            ...OPTIONS,
            peers: name === 'a fake pilotctl' ? ['0:0000.0000.0001'] : ['a'],
          })
          const via = world.transport('a')
          const events: string[] = []
          const made: PilotGossipProvider[] = []
          const mount = (): PilotGossipProvider => {
            const provider = new PilotGossipProvider(via, 'room', new Y.Doc(), OPTIONS)
            made.push(provider)
            provider.on('connection-error', ({ code, message }) =>
              events.push(`${code} ${message}`),
            )
            return provider
          }
          try {
            const first = mount()
            await stages[stage]!(first)
            const ending = first.destroy()
            if (waits) await ending
            const second = mount()
            write(second, 'second')
            await until('b has it', () => textOf(b).includes('second'))
            write(b, ' received')
            await until('and it is received', () => textOf(second).includes(' received'))
            await ending
            if (stage === 'with an unsent change')
              await until('nothing is lost', () => textOf(second).includes('first'))
            assert.is(second.status, 'connected')
            assert.equal(events, [])
          } finally {
            await Promise.all([...made, b].map((provider) => provider.destroy()))
          }
        }))
    }
  }
}

test('the last of ten providers that mount and unmount without waiting stays', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    const via = stage.transport('a')
    const events: string[] = []
    for (let i = 0; i < 10; i++) {
      const provider = stage.add('a', { via })
      provider.on('connection-error', ({ code }) => events.push(code))
      if (i % 3 === 1) await turns(2)
      if (i % 3 === 2) await until('connected', () => provider.connected)
      void provider.destroy()
    }
    const last = stage.add('a', { via })
    write(last, 'x')
    await until('b has it', () => textOf(b) === 'x')
    assert.equal(events, [])
    await last.destroy()
    assert.equal(stage.hub.addresses, ['b'])
  }))

test('the next provider goes on with the same document and awareness', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    const via = stage.transport('a')
    const doc = new Y.Doc()
    const seen = (): unknown => b.awareness.getStates().get(doc.clientID)?.mount
    for (const mount of [1, 2, 3]) {
      const a = stage.add('a', { via, doc })
      a.awareness.setLocalStateField('mount', mount)
      write(a, `${mount}`)
      await until('b sees it', () => seen() === mount && textOf(b).endsWith(`${mount}`))
      if (mount < 3) void a.destroy()
    }
    assert.is(textOf(b), '123')
  }))

test('the next provider shares the subdocuments', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    const via = stage.transport('a')
    const events: string[] = []
    const doc = new Y.Doc()
    const sub = new Y.Doc({ guid: 'sub', autoLoad: true })
    doc.getMap('subs').set('sub', sub)
    for (const mount of [1, 2, 3]) {
      const a = stage.add('a', { via, doc })
      const below = (): PilotGossipProvider | undefined => a.subdocs.get('sub')
      assert.ok(below())
      for (const provider of [a, below()!])
        provider.on('connection-error', ({ code }) => events.push(code))
      sub.getText('text').insert(0, `${mount}`)
      const other = (): PilotGossipProvider | undefined => b.subdocs.get('sub')
      await until('b has it', () => textOf(other() ?? b).startsWith(`${mount}`))
      if (mount < 3) void a.destroy()
    }
    assert.equal(events, [])
  }))

for (const how of ['at once', 'when it is loaded', 'when it is synced'] as const) {
  test(`the next provider uses the same data folder, after one that ended ${how}`, () =>
    inFolder((dir) =>
      onStage(async (stage) => {
        const b = stage.add('b')
        const via = stage.transport('a')
        const events: string[] = []
        for (const mount of [1, 2, 3]) {
          const store = new LogStore({ dir: join(dir, 'log') })
          const a = stage.add('a', { via, store })
          a.on('connection-error', ({ code, message }) => events.push(`${code} ${message}`))
          a.on('problem', ({ type }) => events.push(type))
          if (how === 'when it is loaded') await a.whenLoaded
          if (how === 'when it is synced') await a.whenSynced
          if (mount < 3) {
            if (how !== 'at once') write(a, `${mount}`)
            void a.destroy()
            continue
          }
          await a.whenSynced
          if (how !== 'at once') assert.is(textOf(a), '12')
          write(a, '3')
          await until('b has it', () => textOf(b).endsWith('3'))
        }
        assert.equal(events, [])
      }),
    ))
}

test('providers follow each other over an agent, which stays', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    const agent = new Agent({
      swarm: 'pilot-gossip',
      transport: stage.transport('a'),
      config: QUICK,
    })
    await agent.start()
    for (const mount of [1, 2, 3]) {
      const a = stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc()))
      const events = eventsOf(a)
      await a.whenSynced
      write(a, `${mount}`)
      await until('b has it', () => textOf(b).includes(`${mount}`))
      assert.equal(
        events.filter((line) => line.startsWith('error')),
        [],
      )
      void a.destroy()
    }
    const notes = await agent.openRoom('room')
    assert.is(notes.name, 'room', 'its name is free for the agent, too')
    await agent.stop()
  }))

test('the next provider can be of another swarm', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const b = stage.add('b', { swarm: 'other' })
    const first = stage.add('a', { via, swarm: 'kv' })
    await until('connected', () => first.connected)
    const wrong = stage.add('a', { via, swarm: 'other' })
    const events = eventsOf(wrong)
    await until('one at a time', () => events.includes('error invalid_argument'))
    void first.destroy()
    const second = stage.add('a', { via, swarm: 'other' })
    const secondEvents = eventsOf(second)
    write(second, 'x')
    await until('b has it', () => textOf(b) === 'x')
    assert.equal(
      secondEvents.filter((line) => line.startsWith('error')),
      [],
    )
  }))

test('two providers of one room in one tick: the second is refused with a hint, and connects after the first', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const [first, second] = [stage.add('a', { via }), stage.add('a', { via })]
    const failures: Failure[] = []
    second.on('connection-error', (failure) => failures.push(failure))
    await until('one is connected', () => first.connected)
    await until('the other is refused', () => failures.length > 0)
    assert.is(failures[0]?.code, 'already_exists')
    assert.match(failures[0]?.message ?? '', '"room"')
    assert.match(failures[0]?.hint ?? '', 'another name')
    await first.destroy()
    await until('it is its turn', () => second.connected)
  }))

test('two providers of one room of an agent in one tick: one is refused', () =>
  onStage(async (stage) => {
    const agent = new Agent({ swarm: 'kv', transport: stage.transport('a') })
    const made = [1, 2].map(() => stage.keep(new PilotGossipProvider(agent, 'room', new Y.Doc())))
    const failures: Failure[] = []
    for (const provider of made)
      provider.on('connection-error', (failure) => failures.push(failure))
    await agent.start()
    await until('one is refused', () => failures.length > 0)
    assert.equal(
      failures.map(({ code }) => code),
      ['already_exists'],
    )
    assert.is(made.filter(({ connected }) => connected).length, 1)
    await agent.stop()
  }))

const agentOver = (transport: Transport, data?: string): Agent =>
  new Agent({
    swarm: 'kv',
    transport,
    config: QUICK,
    ...(data !== undefined && { data: dataFolder(data) }),
  })

for (const waits of [false, true]) {
  test(`an agent can start on the folder and transport of another ${waits ? 'after it has stopped' : 'while it stops'}`, () =>
    inFolder(async (dir) => {
      const mail = join(dir, 'mail')
      const via = new MailboxTransport({ dir: mail, address: 'a' })
      const b = agentOver(new MailboxTransport({ dir: mail, address: 'b' }))
      await b.start()
      let agent = agentOver(via, join(dir, 'a'))
      await agent.start()
      const [seen, mapOf] = [
        new SharedMap(b.doc, 'state'),
        (doc: Y.Doc) => new SharedMap(doc, 'state'),
      ]
      try {
        for (const turn of [1, 2, 3]) {
          mapOf(agent.doc).set(`turn ${turn}`, turn)
          const stopping = agent.stop()
          if (waits) await stopping
          agent = agentOver(via, join(dir, 'a'))
          await agent.start()
          assert.is(mapOf(agent.doc).get(`turn ${turn}`), turn, 'it has what was written last')
          mapOf(agent.doc).set('last', turn)
          await until('b has it', () => seen.get('last') === turn && seen.has(`turn ${turn}`))
          await stopping
          assert.is(agent.runtime.isStarted, true)
        }
      } finally {
        await agent.stop()
        await b.stop()
      }
    }))
}

test('an agent and a provider can use it in turns', () =>
  onStage(async (stage) => {
    const b = stage.add('b')
    const via = stage.transport('a')
    const agent = new Agent({ swarm: 'pilot-gossip', transport: via, config: QUICK })
    await agent.start()
    void agent.stop()
    const a = stage.add('a', { via })
    const events = eventsOf(a)
    write(a, 'x')
    await until('b has it', () => textOf(b) === 'x')
    assert.equal(
      events.filter((line) => line.startsWith('error')),
      [],
    )
    void a.destroy()
    const next = new Agent({ swarm: 'pilot-gossip', transport: via, config: QUICK })
    await next.start()
    const room = await next.openRoom('room')
    await until('it has it, too', () => textOf(room) === 'x')
    await next.stop()
  }))

test('refuses a transport in use, and does not close it for the refused one', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const b = stage.add('b')
    const agent = new Agent({ swarm: 'pilot-gossip', transport: via, config: QUICK })
    await agent.start()
    const refused = new Agent({ swarm: 'pilot-gossip', transport: via })
    const error = await rejects(() => refused.start(), /already_exists .*in use/)
    assert.ok(isFailure(error) && error.hint?.includes('create another transport'))
    await refused.stop()
    const never = new Agent({ swarm: 'pilot-gossip', transport: via })
    await never.stop()
    const a = stage.add('a', { via })
    const events = eventsOf(a)
    await until('the provider is refused', () => events.includes('error already_exists'))
    await a.destroy()
    const room = await agent.openRoom('room')
    room.doc.getText('text').insert(0, 'x')
    await until('the agent goes on', () => textOf(b) === 'x')
    await agent.stop()
    await rejects(() => refused.start(), /closed/)
    const next = new Agent({ swarm: 'pilot-gossip', transport: via })
    await next.start()
    await next.stop()
  }))

test('stop ends the wait for a transport, and others do not wait for it', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const first = stage.add('a', { via, room: 'one' })
    await until('connected', () => first.connected)
    void first.destroy()
    const agent = new Agent({ swarm: 'pilot-gossip', transport: via })
    const starting = rejects(() => agent.start(), /closed/)
    void agent.stop()
    const second = stage.add('a', { via, room: 'two' })
    void second.destroy()
    const third = stage.add('a', { via, room: 'three' })
    const events = eventsOf(third)
    await starting
    await until('the last one is connected', () => third.connected)
    assert.equal(
      events.filter((line) => line.startsWith('error')),
      [],
    )
    await Promise.all([first.destroy(), second.destroy(), third.destroy()])
    assert.equal(stage.hub.addresses, [])
  }))

test('an agent that could not start can be started again, as can another over its transport', () =>
  onStage(async (stage) => {
    const holder = stage.add('a')
    await until('a is taken', () => holder.connected)
    const via = stage.transport('a')
    const agent = new Agent({ swarm: 'pilot-gossip', transport: via })
    await rejects(() => agent.start(), /already_exists/)
    const other = new Agent({ swarm: 'pilot-gossip', transport: via })
    await rejects(() => other.start(), /already_exists .*open already/)
    await holder.destroy()
    await agent.start()
    await rejects(() => other.start(), /already_exists .*in use/)
    await agent.stop()
    await other.start()
    await other.stop()
  }))

test('stop and destroy resolve at the end for every caller', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const agent = new Agent({ swarm: 'kv', transport: via })
    await agent.start()
    void agent.stop()
    await agent.stop()
    assert.equal(stage.hub.addresses, [])
  }))

test.run()
