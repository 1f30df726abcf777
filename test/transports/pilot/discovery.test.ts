import * as assert from 'uvu/assert'
import { Failure } from '../../../src/errors.ts'
import { formatAddress } from '../../../src/transports/pilot/address.ts'
import { Discovery, hasTag } from '../../../src/transports/pilot/discovery.ts'
import { rejects, suite } from '../../helpers/suite.ts'

const test = suite('pilot discovery')

type Data = Record<string, unknown>

interface Registry {
  readonly trusted: number[]
  /** node ids whose lookups fail */
  readonly lost: Set<number>
  readonly tags: Map<number, string[]>
  members: Data | undefined
  peers: unknown
  isDown: boolean
  now: number
}

const createRegistry = (trusted: number[] = []): Registry => ({
  trusted,
  lost: new Set(),
  tags: new Map(),
  members: undefined,
  peers: null,
  isDown: false,
  now: 0,
})

/** A Discovery over made-up answers, and the lookups that it made. */
const createDiscovery = (registry: Registry, network?: number) => {
  const asked: string[] = []
  const most = { running: 0, ever: 0 }
  const answer = (command: string, argument: string): Data => {
    if (registry.isDown) throw new Failure('not_running', 'daemon is not running')
    if (command === 'trust') return { trusted: registry.trusted.map((id) => ({ node_id: id })) }
    if (command === 'peers') return { peers: registry.peers, argument }
    if (command === 'network' && registry.members) return registry.members
    const id = Number(argument)
    if (command !== 'lookup' || registry.lost.has(id))
      throw new Failure('connection_failed', `${command} ${argument} failed`)
    return { node_id: id, address: formatAddress(id), tags: registry.tags.get(id) }
  }
  const ask = async ([, command = '', argument = '']: readonly string[]): Promise<Data> => {
    asked.push(`${command} ${argument}`.trim())
    const isLookup = command === 'lookup'
    if (isLookup) most.ever = Math.max(most.ever, ++most.running)
    await new Promise((resolve) => setImmediate(resolve))
    if (isLookup) most.running--
    return answer(command, argument)
  }
  const now = () => registry.now
  const discovery = new Discovery({ ask, swarm: 'kv', network, now })
  const lookups = () => asked.filter((command) => command.startsWith('lookup')).length
  return { discovery, asked, lookups, most }
}

test('finds the trusted nodes that carry the tag, in either spelling', async () => {
  const registry = createRegistry([1, 2, 3, 4, 5])
  registry.tags.set(1, ['swarm:kv']).set(2, ['a', 'SWARM-KV']).set(3, ['swarm:kvs']).set(4, ['kv'])
  const { discovery, lookups } = createDiscovery(registry)
  assert.equal(await discovery.find(), [formatAddress(1), formatAddress(2)])
  assert.is(lookups(), 5)
  assert.ok(hasTag(['swarm:KV'], ['swarm:kv']))
  assert.not.ok(hasTag([], ['swarm:kv']))
})

test('skips failing sources, and keeps earlier results', async () => {
  const registry = createRegistry([1, 2, 3])
  for (const id of [1, 2, 3]) registry.tags.set(id, ['swarm:kv'])
  registry.lost.add(2)
  const { discovery } = createDiscovery(registry)
  assert.equal(await discovery.find(), [formatAddress(1), formatAddress(3)])
  registry.lost.clear()
  registry.now += 40_000
  assert.equal(await discovery.find(), [1, 2, 3].map(formatAddress))
  for (const id of [1, 2, 3]) registry.lost.add(id)
  registry.now += 3_600_000
  assert.equal(await discovery.find(), [1, 2, 3].map(formatAddress))
})

test('trusts a member for minutes, and looks up other nodes sooner', async () => {
  const registry = createRegistry([1, 2])
  registry.tags.set(1, ['swarm:kv'])
  const { discovery, lookups } = createDiscovery(registry)
  await discovery.find()
  assert.equal(await discovery.find(), [formatAddress(1)])
  assert.is(lookups(), 2)
  registry.tags.set(2, ['swarm:kv']).set(1, [])
  registry.now += 31_000
  assert.equal(await discovery.find(), [1, 2].map(formatAddress))
  assert.is(lookups(), 3)
  registry.now += 301_000
  assert.equal(await discovery.find(), [formatAddress(2)])
})

test('forgets nodes that are no longer trusted', async () => {
  const registry = createRegistry([1])
  registry.tags.set(1, ['swarm:kv'])
  const { discovery } = createDiscovery(registry)
  assert.equal(await discovery.find(), [formatAddress(1)])
  registry.trusted.length = 0
  assert.equal(await discovery.find(), [])
})

test('limits lookups at once and in all, and continues with the other nodes next time', async () => {
  const ids = Array.from({ length: 150 }, (_, index) => index + 1)
  const registry = createRegistry([...ids, ...ids])
  for (const id of ids) registry.tags.set(id, ['swarm:kv'])
  const { discovery, lookups, most } = createDiscovery(registry)
  await discovery.find()
  assert.is(lookups(), 64)
  assert.ok(most.ever <= 4, `${most.ever} at once`)
  await discovery.find()
  assert.is(lookups(), 128)
  assert.equal(await discovery.find(), ids.map(formatAddress))
  assert.is(lookups(), 150)
})

test('starts no lookup after its time limit', async () => {
  const registry = createRegistry([1, 2, 3, 4, 5, 6])
  for (const id of registry.trusted) registry.tags.set(id, ['swarm:kv'])
  const { discovery, asked } = createDiscovery(registry)
  const finding = discovery.find()
  await new Promise((resolve) => setImmediate(resolve))
  assert.ok(asked.includes('trust'))
  registry.now += 10_001
  await finding
  const first = asked.filter((command) => command.startsWith('lookup'))
  assert.ok(first.length <= 4, first.join())
})

test('shares one search among concurrent calls', async () => {
  const registry = createRegistry([1])
  const { discovery, asked } = createDiscovery(registry)
  await Promise.all([discovery.find(), discovery.find()])
  assert.equal(asked, ['trust', 'peers --search', 'lookup 1'])
})

test('returns the members of a network, each once', async () => {
  const registry = createRegistry([2])
  registry.tags.set(2, ['swarm:kv'])
  registry.members = {
    nodes: [{ address: '1:0001.0000.0002', node_id: 2 }, { node_id: 3 }, { node_id: 'x' }],
  }
  const { discovery, asked } = createDiscovery(registry, 1)
  assert.equal([...(await discovery.find())].sort(), [2, 3].map(formatAddress))
  assert.ok(asked.includes('network members'))
})

test('reads addresses that a future search may answer', async () => {
  const registry = createRegistry()
  registry.peers = [{ node_id: 4, address: '0:0000.0000.0004' }, { node_id: 5 }]
  const { discovery } = createDiscovery(registry)
  assert.equal(await discovery.find(), [formatAddress(4)])
})

test('rejects only if every source fails', async () => {
  const registry = createRegistry([1])
  registry.tags.set(1, ['swarm:kv'])
  const { discovery } = createDiscovery(registry, 7)
  assert.equal(await discovery.find(), [formatAddress(1)])
  registry.isDown = true
  await rejects(() => discovery.find(), /not_running/)
  registry.isDown = false
  assert.equal(await discovery.find(), [formatAddress(1)])
})

test('refuses a swarm name that cannot be a tag', async () => {
  await rejects(() => new Discovery({ ask: async () => ({}), swarm: 'a b' }), /invalid_argument/)
})

test.run()
