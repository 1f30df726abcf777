/** Who may write: listed peers, peers that may only read, banned ones, and agents that write nothing. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent, type AgentOptions } from '../../src/agent/agent.ts'
import type { Problem } from '../../src/agent/problem.ts'
import { Failure, isFailure } from '../../src/errors.ts'
import { readEntry, writeEntry } from '../../src/maps/index.ts'
import { openMap } from '../../src/open-map.ts'
import { PilotGossipProvider } from '../../src/provider/provider.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { startingAgents } from '../helpers/agent.ts'
import { inFolder } from '../helpers/folder.ts'
import { packedState, pushText } from '../helpers/gossip.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('access')

/** A hub whose agents stop with it, and the addresses to which each of them sent something. */
const createSwarm = () => {
  const hub = new MemoryHub()
  const { start: startAgent, end } = startingAgents()
  const sent: string[] = []
  const start = async (
    name: string,
    options: Partial<AgentOptions> = {},
    problems: Problem[] = [],
  ): Promise<Agent> => {
    const transport = new MemoryTransport(hub, name)
    const send = transport.send.bind(transport)
    transport.send = (to, text) => {
      sent.push(`${name} to ${to}`)
      return send(to, text)
    }
    return startAgent(transport, options, problems)
  }
  return { hub, sent, start, end }
}

const get = (agent: Agent, key: string): unknown => readEntry(agent.doc, 'state', key)
const set = (agent: Agent, key: string, value: unknown = 1): void =>
  writeEntry(agent.doc, 'state', key, value)
const rejected = (agent: Agent, reason: string): number =>
  agent.status().counters.rejected[reason] ?? 0
const peersOf = (agent: Agent): string[] => agent.peers().map(({ address }) => address)

test('accept listed: takes from given peers only, answers no other and makes no peer of it', async () => {
  const { sent, start, end } = createSwarm()
  const problems: Problem[] = []
  const a = await start('a', { accept: 'listed', peers: ['b'] }, problems)
  const b = await start('b', { peers: ['a'] })
  // It knows both, and b names it to a.
  const mallory = await start('mallory', { peers: ['a', 'b'] })
  set(b, 'of b')
  set(mallory, 'of mallory')
  await until('the refusals', () => rejected(a, 'not_accepted') >= 3)
  await until('what b wrote', () => get(a, 'of b') === 1)
  assert.equal(peersOf(a), ['b'])
  assert.not.ok(sent.includes('a to mallory'))
  assert.is(a.status().accept, 'listed')
  const refused = problems.find((problem) => problem.type === 'refused')
  assert.match(JSON.stringify(refused), /"from":"mallory","reason":"not_accepted"/)
  // b accepts any, so what mallory writes arrives through it.
  await until('what mallory wrote', () => get(a, 'of mallory') === 1)
  await end()
})

test('accept listed: agents that list each other are closed to others', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', { accept: 'listed', peers: ['b'] })
  const b = await start('b', { accept: 'listed', peers: ['a'] })
  const mallory = await start('mallory', { peers: ['a', 'b'] })
  set(mallory, 'of mallory')
  set(a, 'of a')
  await until('the refusals', () =>
    [a, b].every((agent) => rejected(agent, 'not_accepted') >= 3 && get(agent, 'of a') === 1),
  )
  assert.is(get(a, 'of mallory'), undefined)
  assert.is(get(b, 'of mallory'), undefined)
  assert.is(get(mallory, 'of a'), undefined)
  await end()
})

test('accept listed: a peer that is invited later is listed', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', { accept: 'listed', peers: ['b'] })
  const late = await start('late', { peers: ['a'] })
  set(late, 'k')
  await until('a refusal', () => rejected(a, 'not_accepted') > 0)
  await a.runtime.invite(['late'])
  await until('what it wrote', () => get(a, 'k') === 1)
  await end()
})

test('a read-only peer: gets everything, its updates are refused, and it stays heard', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', { readOnlyPeers: ['reader'] })
  const reader = await start('reader', { peers: ['a'] })
  set(a, 'before')
  await until('what a wrote', () => get(reader, 'before') === 1)
  for (let i = 0; i < 80; i++) {
    set(reader, `of reader ${i}`)
    reader.push()
  }
  set(reader, 'before', 'changed')
  await until('the refusals', () => rejected(a, 'read_only') >= 2)
  set(a, 'after')
  await until('what a wrote then', () => get(reader, 'after') === 1)
  assert.is(get(a, 'of reader 0'), undefined)
  assert.is(get(a, 'before'), 1)
  const [status] = a.peers()
  assert.is(status?.isReadOnly, true)
  assert.is(status?.isGreyListed, undefined)
  assert.is(a.runtime.gossip!.scoreOf('reader').score >= 0, true)
  await end()
})

test('a read-only peer: its awareness is taken', async () => {
  const { hub, start, end } = createSwarm()
  const a = await start('a', { readOnlyPeers: ['reader'] })
  const room = await a.openRoom('notes')
  const { awareness } = room
  const provider = new PilotGossipProvider(
    new MemoryTransport(hub, 'reader'),
    'notes',
    new Y.Doc(),
    {
      swarm: 'kv',
      peers: ['a'],
    },
  )
  provider.awareness!.setLocalState({ name: 'reader' })
  await until('its state', () =>
    [...awareness.getStates().values()].some((state) => state.name === 'reader'),
  )
  await provider.destroy()
  room.close()
  await end()
})

test('a banned address: nothing is taken, answered or sent, also if it is given and named', async () => {
  const { hub, sent, start, end } = createSwarm()
  const a = await start('a', { banned: ['mallory'], peers: ['b', 'mallory'] })
  const b = await start('b', { peers: ['a'] })
  const mallory = await start('mallory', { peers: ['a', 'b'] })
  set(a, 'of a')
  await until('the refusals', () => rejected(a, 'banned') >= 2 && get(b, 'of a') === 1)
  assert.equal(peersOf(a), ['b'])
  assert.equal(a.banned, ['mallory'])
  assert.not.ok(sent.includes('a to mallory'))
  await mallory.stop()
  // A push that is valid for whoever takes it.
  const doc = new Y.Doc()
  doc.getMap('state').set('forged', 1)
  const text = pushText({ kv: { update: packedState(doc) } }, { swarm: 'kv', sender: 'b' })
  const again = new MemoryTransport(hub, 'mallory')
  await again.open({
    accepts: () => true,
    receive: async () => undefined,
    onProblem: () => undefined,
  })
  const before = rejected(a, 'banned')
  await again.send('a', text)
  await until('one more', () => rejected(a, 'banned') === before + 1)
  assert.is(get(a, 'forged'), undefined)
  await again.send('b', text)
  await until('the same at an agent that has banned nobody', () => get(b, 'forged') === 1)
  await again.close()
  await end()
})

test('ban: a peer that has been heard is forgotten at once, and nothing goes there any more', async () => {
  const { sent, start, end } = createSwarm()
  const a = await start('a', { peers: ['mallory'] })
  const mallory = await start('mallory', { peers: ['a'] })
  set(mallory, 'before')
  await until('what it wrote', () => get(a, 'before') === 1)
  await a.ban('mallory')
  assert.equal([peersOf(a), a.banned], [[], ['mallory']])
  const count = sent.filter((one) => one === 'a to mallory').length
  set(a, 'secret')
  set(mallory, 'after')
  mallory.push()
  await until('the refusals', () => rejected(a, 'banned') >= 3)
  assert.is(sent.filter((one) => one === 'a to mallory').length, count)
  assert.equal([get(a, 'after'), get(mallory, 'secret')], [undefined, undefined])
  assert.is(get(a, 'before'), 1)
  await end()
})

test('a banned address: no score is kept for a sender that is not read', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', { banned: ['mallory'] })
  await start('mallory', { peers: ['a'] })
  await until('a refusal', () => rejected(a, 'banned') > 0)
  assert.is(a.runtime.gossip!.scoreOf('mallory').score, 0)
  await end()
})

test('a name without an address keeps the agent from starting, rather than leave out a ban', async () => {
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  transport.resolve = async (name) => {
    throw new Error(`no ${name}`)
  }
  const agent = new Agent({ swarm: 'kv', transport, banned: ['mallory'] })
  await rejects(() => agent.start(), /no mallory/)
})

test(
  'a late start: a banned name that cannot be looked up is tried again, and nothing is taken before',
  async () => {
    const { hub, start, end } = createSwarm()
    const transport = new MemoryTransport(hub, 'a')
    let [opens, looks] = [0, 0]
    const open = transport.open.bind(transport)
    transport.open = async (hooks) => {
      if (opens++ === 0) throw new Failure('not_running', 'no daemon', { isLocal: true })
      return open(hooks)
    }
    transport.resolve = async (name) => {
      if (looks++ === 0) throw new Failure('timeout', `no ${name}`)
      return name
    }
    const problems: Problem[] = []
    const mallory = await start('mallory')
    const a = await start('a', { transport, banned: ['mallory'] }, problems)
    await mallory.runtime.invite(['a'])
    set(mallory, 'k')
    await until('the failed look-up', () => looks === 1, 20_000)
    assert.equal([a.runtime.isStarted, a.banned], [false, []])
    await until('a refusal', () => rejected(a, 'banned') > 0, 20_000)
    assert.is(get(a, 'k'), undefined)
    assert.equal(a.banned, ['mallory'])
    await end()
  },
  { timeout: 50_000 },
)

test('accept: another word is a mistake', () => {
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  const accept = 'some' as 'any'
  assert.throws(() => new Agent({ swarm: 'kv', transport, accept }), /accept is "some"/)
})

test('a read-only agent: refuses writes and passes on those of peers', async () => {
  const { start, end } = createSwarm()
  const relay = await start('relay', { readOnly: true })
  const a = await start('a', { peers: ['relay'], accept: 'listed' })
  const b = await start('b', { peers: ['relay'], accept: 'listed' })
  set(a, 'k')
  await until('the change, through the relay', () => get(b, 'k') === 1)
  const denied = (error: unknown): boolean => isFailure(error, 'permission_denied')
  assert.throws(() => set(relay, 'x'), denied)
  const room = await relay.openRoom('notes')
  assert.throws(() => writeEntry(room.doc, 'state', 'x', 1), denied)
  const update = Y.encodeStateAsUpdate(a.doc)
  assert.throws(() => room.accept(update, undefined), /read-only/)
  assert.is(relay.status().readOnly, true)
  room.close()
  await end()
})

test('openMap: all writes of a read-only map are refused, and its guests write nothing', () =>
  inFolder(async (dir) => {
    const options = { swarm: 'kv', mailbox: join(dir, 'mail'), data: join(dir, 'a') }
    const map = await openMap({ ...options, name: 'a', readOnly: true })
    const numbers = map.sibling<number>('numbers')
    const guest = await openMap({ ...options, name: 'a' })
    const all: (() => unknown)[] = [
      () => map.set('k', 1),
      () => map.delete('k'),
      () => map.update('k', () => 2),
      () => numbers.increment('n'),
      () => map.sibling<string[]>('lists').append('l', 'x'),
      () => guest.set('k', 1),
    ]
    for (const write of all) assert.throws(write, (e: unknown) => isFailure(e, 'permission_denied'))
    // A guest that writes all the same, past its maps.
    guest.agent.doc.getMap('state').set('k', 1)
    await until('its refusal', () => rejected(map.agent, 'read_only') > 0)
    assert.equal(map.toJSON(), {})
    await guest.close()
    await map.close()
  }))

test('openMap: a guest is accepted, and lists nobody', () =>
  inFolder(async (dir) => {
    const options = { swarm: 'kv', mailbox: join(dir, 'mail'), data: join(dir, 'a'), name: 'a' }
    const map = await openMap({ ...options, accept: 'listed', peers: ['b'] })
    const guest = await openMap({ ...options, peers: ['x'] })
    guest.set('k', 1)
    await guest.flushed()
    assert.is(map.get('k'), 1)
    const { access } = map.agent.runtime
    assert.is(access.refusal('x'), 'not_accepted')
    assert.is(access.refusal('b'), undefined)
    await guest.close()
    await map.close()
  }))

test('providers of one transport: cannot ask for other peers that may write', async () => {
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  const first = new PilotGossipProvider(transport, 'one', new Y.Doc(), { banned: ['mallory'] })
  await until('the connection', () => first.status === 'connected')
  const failures: string[] = []
  const second = new PilotGossipProvider(transport, 'two', new Y.Doc(), {
    connect: false,
    accept: 'listed',
  })
  second.on('connection-error', ({ message }) => failures.push(message))
  second.connect()
  await until('the failure', () => failures.length > 0)
  assert.match(failures[0]!, /used already/)
  await second.destroy()
  await first.destroy()
})

test.run()
