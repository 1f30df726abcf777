/** Who may write by default: those whom the transport trusts, and given peers. */
import * as assert from 'uvu/assert'
import { Agent, type AgentOptions } from '../../src/agent/agent.ts'
import type { Problem } from '../../src/agent/problem.ts'
import { Failure } from '../../src/errors.ts'
import { readEntry, writeEntry } from '../../src/maps/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { PilotTransport } from '../../src/transports/pilot/transport.ts'
import { Relay } from '../../src/transports/relay.ts'
import { fakeSwarm } from '../fixtures/pilot/fake.ts'
import { startingAgents } from '../helpers/agent.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('trust')

/** Longer than the pause between two questions for the sake of a stranger. */
const LEARNS = { timeout: 30_000 }

/** A transport of memory that trusts those addresses, and counts how often it was asked. */
class Trusting extends MemoryTransport {
  asked = 0
  fails = false
  readonly networks: (number | undefined)[] = []

  readonly nodes: Set<string>

  constructor(hub: MemoryHub, name: string, nodes: Set<string>) {
    super(hub, name)
    this.nodes = nodes
  }

  async trusted(network?: number): Promise<readonly string[]> {
    this.asked++
    this.networks.push(network)
    if (this.fails) throw new Failure('not_running', 'no daemon', { isLocal: true })
    return [...this.nodes]
  }
}

const createSwarm = () => {
  const hub = new MemoryHub()
  const { start: startAgent, end } = startingAgents()
  const start = async (
    name: string,
    trusted: Iterable<string>,
    options: Partial<AgentOptions> = {},
  ) => {
    const transport = new Trusting(hub, name, new Set(trusted))
    const problems: Problem[] = []
    return { agent: await startAgent(transport, options, problems), transport, problems }
  }
  return { hub, start, end }
}

const get = (agent: Agent, key: string): unknown => readEntry(agent.doc, 'state', key)
const set = (agent: Agent, key: string): void => writeEntry(agent.doc, 'state', key, 1)
const refused = (agent: Agent): number => agent.status().counters.rejected.not_accepted ?? 0

test('by default, those are accepted whom the transport trusts, and given peers', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', ['b'], { peers: ['c'] })
  const b = await start('b', ['a'])
  const c = await start('c', ['a'])
  const mallory = await start('mallory', ['a', 'b', 'c'])
  assert.is(a.agent.status().accept, 'trusted')
  for (const [{ agent }, key] of [
    [b, 'b'],
    [c, 'c'],
    [mallory, 'm'],
  ] as const)
    set(agent, key)
  await until('the refusals', () => refused(a.agent) > 2)
  await until('both', () => get(a.agent, 'b') === 1 && get(a.agent, 'c') === 1)
  assert.is(get(a.agent, 'm'), undefined)
  assert.ok(!a.agent.peers().some(({ address }) => address === 'mallory'))
  // Strangers, however often they send, do not make it ask each time.
  assert.ok(a.transport.asked < refused(a.agent), `${a.transport.asked} questions`)
  await end()
})

test(
  'a node that is trusted later is accepted; one whose trust ends is forgotten',
  async () => {
    const { start, end } = createSwarm()
    const a = await start('a', [], { accept: 'trusted' })
    const late = await start('late', ['a'], { peers: ['a'] })
    set(late.agent, 'k')
    await until('a refusal', () => refused(a.agent) > 0)
    a.transport.nodes.add('late')
    await until('what it wrote', () => get(a.agent, 'k') === 1, 20_000)
    a.transport.nodes.delete('late')
    a.agent.runtime.access.trust([])
    a.agent.runtime.take({ type: 'access' })
    assert.equal(a.agent.peers(), [])
    await end()
  },
  LEARNS,
)

test('by default a node that trusts nobody takes messages of all, until it trusts somebody', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', [])
  const b = await start('b', [], { peers: ['a'] })
  set(b.agent, 'first')
  await until('what it wrote', () => get(a.agent, 'first') === 1)
  assert.is(a.agent.status().accept, undefined)
  const { access } = a.agent.runtime
  access.trust(['c'])
  assert.is(a.agent.status().accept, 'trusted')
  assert.is(access.refusal('b'), 'not_accepted')
  access.trust([])
  assert.is(access.refusal('b'), 'not_accepted', 'trust that was withdrawn opens nothing')
  await end()
})

test(
  'a transport that cannot tell: given peers only, said, and asked again',
  async () => {
    const { hub, start, end } = createSwarm()
    const transport = new Trusting(hub, 'a', new Set(['b']))
    transport.fails = true
    const problems: Problem[] = []
    const a = await start('a', [], {
      transport,
      peers: ['c'],
      onProblem: (problem) => {
        problems.push(problem)
      },
    })
    const b = await start('b', ['a'], { peers: ['a'] })
    const c = await start('c', ['a'])
    set(b.agent, 'b')
    set(c.agent, 'c')
    await until('a refusal', () => refused(a.agent) > 0 && get(a.agent, 'c') === 1)
    assert.is(get(a.agent, 'b'), undefined)
    const told = problems.map((problem) => ('failure' in problem ? problem.failure.message : ''))
    assert.match(told.join(), /does not tell whom it trusts: no daemon/)
    transport.fails = false
    await until('b', () => get(a.agent, 'b') === 1, 20_000)
    await end()
  },
  LEARNS,
)

test('network:ID asks for its members; any asks nobody; a secret decides instead', async () => {
  const { start, end } = createSwarm()
  const a = await start('a', [], { accept: 'network:7' })
  assert.equal(a.transport.networks, [7])
  const b = await start('b', [], { accept: 'any' })
  const secret = 'Zk3vQ9xT1mB7nR5wY2cH8d'
  const c = await start('c', [], { secret })
  assert.equal([b.transport.asked, c.transport.asked], [0, 0])
  assert.is(c.agent.runtime.access.accept, 'any')
  const d = await start('d', ['x'], { secret, accept: 'trusted' })
  assert.is(d.transport.asked, 1)
  await end()
})

test('a transport without trust: trusted means any, and a network is a mistake', () => {
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  const open = new Agent({ swarm: 'kv', transport, accept: 'trusted' })
  assert.is(open.runtime.access.accept, 'any')
  assert.throws(() => new Agent({ swarm: 'kv', transport, accept: 'network:7' }), /networks/)
  for (const accept of ['network:0', 'network:65536', 'network:', 'network:7 '])
    assert.throws(() => new Agent({ swarm: 'kv', transport, accept: accept as 'any' }), /accept is/)
})

test('pilot: the nodes that the daemon trusts, in every version, also through a relay', async () => {
  const fake = fakeSwarm()
  for (const [index, version] of ['1.7.2', '1.18.0'].entries()) {
    const node = fake.node(index + 1, { trusted: [8, 9] }, version)
    const transport = new PilotTransport(node.options)
    const relay = new Relay(transport)
    await rejects(() => relay.trusted!(), /open/)
    await relay.open({
      accepts: () => true,
      receive: () => undefined,
      onProblem: () => undefined,
    })
    assert.equal(await relay.trusted!(), ['0:0000.0000.0008', '0:0000.0000.0009'])
    await relay.close()
  }
  fake.close()
})

test.run()
