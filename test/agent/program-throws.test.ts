/**
 * Listeners, transports and stores of a program that throw without a caller: in timers, sockets and
 * watchers. The process goes on, everything else is done, and the error is reported as a problem or a
 * warning of the process. An error from a timer would end the process of this test.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import { Runtime } from '../../src/agent/runtime.ts'
import { Failure } from '../../src/errors.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import type { Store } from '../../src/store/store.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { editor } from '../helpers/bridge/clients.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { inFolder } from '../helpers/folder.ts'
import { pushText } from '../helpers/gossip.ts'
import { onStage, QUICK, textOf, turns, write } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { warnings } from '../helpers/warnings.ts'

const test = suite('errors of the program')

const fail = (what: string) => (): never => {
  throw new Error(`of ${what}`)
}

const typesOf = (problems: readonly Problem[]): string[] => problems.map(({ type }) => type)

const problemsOf = (provider: PilotGossipProvider): Problem[] => {
  const problems: Problem[] = []
  provider.on('problem', (problem) => problems.push(problem))
  return problems
}

/** Sets an awareness state, which calls the listeners that throw. */
const enter = ({ awareness }: PilotGossipProvider, name: string): void =>
  awareness.setLocalStateField('name', name)

const nameOf = (at: PilotGossipProvider, of: PilotGossipProvider): unknown =>
  at.awareness.getStates().get(of.doc.clientID)?.name

test('an onProblem that throws: the agent goes on, and the process warns', async () => {
  const hub = new MemoryHub()
  const warned = warnings()
  const agents = ['a', 'b'].map(
    (name) =>
      new Agent({
        swarm: 'kv',
        transport: new MemoryTransport(hub, name),
        peers: ['a', 'b', 'nobody'],
        config: QUICK,
        onProblem: fail('onProblem'),
      }),
  )
  const [a, b] = agents as [Agent, Agent]
  for (const agent of agents) await agent.start()
  // Refused by the gossip core, in a call of the transport.
  const stranger = new MemoryTransport(hub, 'stranger')
  await stranger.open({
    accepts: () => true,
    receive: () => undefined,
    onProblem: () => undefined,
  })
  const text = pushText({ kv: { digest: 'd'.repeat(22) } }, { swarm: 'kv' })
  await stranger.send('a', text.replace('"format":1', '"format":9'))
  // Refused at its writer, in a call of the program.
  a.doc.getMap('state').set('deep', [1n])
  a.room.awareness.setLocalState({ at: 1n })
  await until('it warns', () => warned.texts.length > 1)
  new SharedMap(a.doc, 'state').set('k', 1)
  await until('b has it', () => new SharedMap(b.doc, 'state').get('k') === 1)
  for (const agent of agents) await agent.stop()
  await stranger.close()
  warned.end()
  assert.ok(warned.texts.every((text) => text.includes('of onProblem')))
})

test('an onProblem that throws while the transport cannot be opened: the transport is opened later', async () => {
  const hub = new MemoryHub()
  const transport = new MemoryTransport(hub, 'a')
  const open = transport.open.bind(transport)
  let tries = 0
  transport.open = async (hooks) => {
    if (++tries < 3) throw new Failure(tries < 2 ? 'not_running' : 'timeout', 'not yet')
    await open(hooks)
  }
  const warned = warnings()
  const agent = new Agent({ swarm: 'kv', transport, onProblem: fail('onProblem') })
  await agent.start()
  await until('it is open', () => agent.runtime.isStarted)
  assert.is(warned.texts.length, 2)
  warned.end()
  await agent.stop()
})

test('an onGone that throws is reported as a problem', () =>
  inFolder(async (dir) => {
    const warned = warnings()
    const problems: Problem[] = []
    const agent = new Agent({
      swarm: 'kv',
      transport: new MemoryTransport(new MemoryHub(), 'a'),
      data: dataFolder(join(dir, 'a')),
      onProblem: (problem) => problems.push(problem),
      onGone: fail('onGone'),
    })
    await agent.start()
    rmSync(join(dir, 'a'), { recursive: true })
    await until('reported', () => typesOf(problems).includes('observer_failed'))
    warned.end()
    assert.equal(warned.texts, [])
    await agent.stop()
  }))

test('listeners of a provider that all throw become warnings of the process', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const warned = warnings()
    const called = new Set<string>()
    const names = ['status', 'sync', 'synced', 'update', 'peers', 'sync-status'] as const
    for (const name of [...names, 'connection-close', 'destroy'] as const) {
      a.on(name, fail(name))
      // Other listeners of the event are called nevertheless.
      a.on(name, () => called.add(name))
    }
    await a.whenSynced
    write(a, 'x')
    write(b, 'y')
    await until('both have both', () => textOf(a).length === 2 && textOf(b).length === 2)
    await until('all but the last are called', () => names.every((name) => called.has(name)))
    await a.destroy()
    await turns(2)
    warned.end()
    assert.ok(called.has('connection-close') && called.has('destroy'))
    for (const name of called)
      assert.ok(
        warned.texts.some((text) => text.includes(`of ${name}\n`)),
        `${name}: ${warned.texts}`,
      )
  }))

test('a listener of problems that throws: others are called, and the process warns', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    const warned = warnings()
    a.on('problem', fail('problem'))
    const problems = problemsOf(a)
    a.awareness.setLocalState({ at: 1n })
    await turns(2)
    warned.end()
    assert.equal(typesOf(problems), ['refused'])
    assert.is(warned.texts.length, 1)
  }))

for (const event of ['change', 'update'] as const) {
  for (const kind of ['its own', 'given by the program'] as const) {
    test(`awareness, ${kind}: a listener of ${event} that throws does not stop states from being sent`, () =>
      onStage(async (stage) => {
        const doc = new Y.Doc()
        const foreign = kind === 'its own' ? undefined : new Awareness(doc)
        foreign?.on(event, fail(event))
        const a = stage.add('a', { doc, ...(foreign && { awareness: foreign }) })
        if (!foreign) a.awareness.on(event, fail(event))
        await until('connected', () => a.connected)
        const problems = problemsOf(a)
        const [b, c] = [stage.add('b'), stage.add('c')]
        let calls = 0
        a.awareness.on(event, () => calls++)
        for (const name of ['Ada', 'Bea']) {
          assert.throws(() => enter(a, name), new RegExp(`of ${event}`), 'as with y-protocols')
          await until('b sees it', () => nameOf(b, a) === name)
          enter(b, name)
          await until('and a sees b', () => nameOf(a, b) === name)
        }
        await until('reported', () => problems.length > 0)
        assert.ok(problems.every(({ type }) => type === 'observer_failed'))
        assert.ok(calls >= 4, 'other listeners are called')
        enter(c, 'Cleo')
        await until('a passes it on', () => nameOf(a, c) === 'Cleo')
        await a.destroy()
        foreign?._observers.clear()
        foreign?.destroy()
        // The awareness of the program is shared by other providers.
        if (!foreign) await until('b sees it go', () => nameOf(b, a) === undefined)
      }))
  }
}

test('awareness: leaves no timer if a listener of destroy throws', () =>
  onStage(async (stage) => {
    const cleared: unknown[] = []
    const real = globalThis.clearInterval
    const a = stage.add('a', { connect: false })
    const interval = a.awareness._checkInterval
    a.awareness.on('destroy', fail('destroy'))
    globalThis.clearInterval = (timer) => {
      cleared.push(timer)
      real(timer as NodeJS.Timeout)
    }
    try {
      await a.destroy()
    } finally {
      globalThis.clearInterval = real
    }
    assert.ok(cleared.includes(interval))
  }))

test(
  'bridge: a listener that throws affects no client, also when a client leaves',
  withBridge(async () => {
    const { rooms, url, problems, bridge } = await openBridge()
    const { awareness } = rooms.room('r')
    const [a, b] = [keep(editor(url, 'r')), keep(editor(url, 'r'))]
    a.provider.awareness.setLocalState({ name: 'a' })
    const names = (): unknown[] =>
      [...b.provider.awareness.getStates().values()].map(({ name }) => name)
    await until('b sees a', () => names().includes('a'))
    for (const event of ['change', 'update'] as const) awareness.on(event, fail(event))
    a.provider.awareness.setLocalState({ name: 'A' })
    await until('b sees the change', () => names().includes('A'))
    await until('reported', () => problems.length > 0)
    assert.match(problems[0]?.message ?? '', /a listener of a room .*of (change|update)/)
    assert.is(bridge.stats().clients, 2)
    a.provider.destroy()
    await until('b sees it go', () => !names().includes('A'))
    await until('one is left', () => bridge.stats().clients === 1)
    assert.equal(bridge.stats().cut, {})
    awareness._observers.clear()
  }),
)

test(
  'bridge: goes on if onProblem throws',
  withBridge(async () => {
    const warned = warnings()
    const { rooms, url } = await openBridge({ onProblem: fail('onProblem') })
    const refused = keep(editor(url, 'forbidden'))
    await until('it warns', () => warned.texts.length > 0)
    warned.end()
    refused.provider.destroy()
    const a = keep(editor(url, 'r'))
    rooms.room('r').doc.getMap('m').set('k', 1)
    await until('others are served', () => a.doc.getMap('m').get('k') === 1)
  }),
)

test(
  'bridge: clients keep the last valid state of ours if JSON cannot represent the next one',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const { awareness } = rooms.room('r')
    const seenBy = (client: ReturnType<typeof editor>): unknown =>
      client.provider.awareness.getStates().get(awareness.clientID)
    const a = keep(editor(url, 'r'))
    awareness.setLocalState({ name: 'agent' })
    await until('a sees it', () => JSON.stringify(seenBy(a)) === '{"name":"agent"}')
    awareness.setLocalState({ at: 1n })
    const b = keep(editor(url, 'r'))
    await until('b sees it', () => JSON.stringify(seenBy(b)) === '{"name":"agent"}')
    assert.equal(seenBy(a), { name: 'agent' })
    awareness.setLocalState({ name: 'again' })
    for (const client of [a, b])
      await until('they see the next', () => JSON.stringify(seenBy(client)) === '{"name":"again"}')
  }),
)

test('a transport of the program that throws is reported, and the agent goes on', () =>
  onStage(async (stage) => {
    const via = stage.transport('a')
    const send = via.send.bind(via)
    let isBad = true
    // Not async, so it throws at once.
    via.send = (to, text) => (isBad ? fail('send')() : send(to, text))
    const a = stage.add('a', { via })
    const problems = problemsOf(a)
    const b = stage.add('b')
    await until('connected', () => a.connected)
    write(a, 'x')
    await until('reported', () => typesOf(problems).includes('send'))
    isBad = false
    await until('b has it', () => textOf(b) === 'x')
    Object.defineProperty(via, 'maxMessageBytes', {
      get: fail('maxMessageBytes'),
      configurable: true,
    })
    write(a, 'y')
    await until('that is reported, too', () => typesOf(problems).includes('transport'))
    Reflect.deleteProperty(via, 'maxMessageBytes')
    write(a, 'z')
    await until('b has all', () => textOf(b) === 'xyz')
    const close = via.close.bind(via)
    via.close = async () => {
      await close()
      fail('close')()
    }
    await a.destroy()
    assert.ok(
      problems.some((problem) => 'failure' in problem && /of close/.test(problem.failure.message)),
    )
  }))

test('a store of the program that throws is reported, and nothing is acknowledged', () =>
  onStage(async (stage) => {
    let isBad = true
    const kept: Uint8Array[] = []
    const bad = (what: string): void => {
      if (isBad) fail(what)()
    }
    const store: Store = {
      load: async () => ({ state: undefined, updates: [], problems: [] }),
      append: (update) => {
        bad('append')
        kept.push(update)
        return Promise.resolve()
      },
      needsCompaction: () => {
        bad('needsCompaction')
        return false
      },
      compact: () => fail('compact')(),
      stats: () => fail('stats')(),
      close: async () => bad('close'),
    }
    const doc = new Y.Doc()
    // Its destroy rejects, so the stage must not wait for it.
    const a = new PilotGossipProvider(stage.transport('a'), 'room', doc, { store })
    const problems = problemsOf(a)
    await until('reported', () => typesOf(problems).includes('store'))
    write(a, 'x')
    await rejects(() => a.flush(), /of append/)
    isBad = false
    await a.flush()
    const copy = new Y.Doc()
    for (const update of kept) Y.applyUpdate(copy, update)
    assert.is(textOf({ doc: copy }), 'x')
    isBad = true
    // The end is not awaited.
    doc.destroy()
    await rejects(() => a.destroy(), /of close/)
    assert.is(a.status, 'disconnected')
    assert.not.ok(stage.hub.addresses.includes('a'))
    isBad = false
  }))

test('a store of a subdocument that cannot be closed is reported', () =>
  onStage(async (stage) => {
    const store: Store = {
      load: async () => ({ state: undefined, updates: [], problems: [] }),
      append: async () => undefined,
      needsCompaction: () => false,
      compact: async () => undefined,
      stats: () => fail('stats')(),
      close: () => Promise.reject(new Error('of close')),
    }
    const doc = new Y.Doc()
    const a = stage.add('a', { doc, storeOf: () => store })
    const failures: Failure[] = []
    a.on('connection-error', (failure) => failures.push(failure))
    doc.getMap('subs').set('sub', new Y.Doc({ guid: 'sub', autoLoad: true }))
    assert.ok(a.subdocs.get('sub'))
    doc.getMap('subs').delete('sub')
    await until('reported', () => failures.length > 0)
    assert.match(failures[0]?.message ?? '', /of close/)
    await a.destroy()
  }))

test('a closed runtime is not opened again', async () => {
  const hub = new MemoryHub()
  const problems: Problem[] = []
  const runtime = new Runtime({
    swarm: 'kv',
    transport: new MemoryTransport(hub, 'a'),
    onProblem: (problem) => problems.push(problem),
  })
  await runtime.open()
  await runtime.start()
  await runtime.close()
  await rejects(() => runtime.open(), /closed/)
  assert.equal(problems, [])
  assert.equal(hub.addresses, [])
})

test.run()
