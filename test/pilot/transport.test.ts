/** The pilot transport over real daemons of every supported version. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Recorder } from '../../src/testing/index.ts'
import { PilotTransport, type PilotTransportOptions } from '../../src/transports/pilot/transport.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { SWARM_NETWORK } from './directory.ts'
import { available, VERSIONS } from './programs.ts'
import { ask, type Node, type Swarm, startSwarm } from './swarm.ts'

const test = suite('pilot transport over real daemons')

/** Milliseconds for operations that take 50 on an idle machine. */
const BOUND = 30_000
/** Milliseconds for the slowest test: 30 messages and a call that times out. */
const SLOW = { timeout: 120_000 }

const push = (body: string): string => JSON.stringify({ type: 'gossip_push', body })
const isPush = (text: string): boolean => text.startsWith('{"type":"gossip_push"')
const nodeOptions = (node: Node): PilotTransportOptions => ({
  pilotctl: node.pilotctl,
  env: node.env,
  swarm: 'kv',
})

interface Agent {
  readonly node: Node
  readonly transport: PilotTransport
  readonly seen: Recorder
}

let swarm: Swarm
let agents: readonly Agent[] = []

const agentOf = (version: string): Agent => {
  const agent = agents.find(({ node }) => node.version === version)
  if (!agent) throw new Error(`no agent of ${version}`)
  return agent
}

/** Files of an inbox that are not our messages. */
const foreignFiles = (node: Node): string[] => {
  if (!existsSync(node.inbox)) return []
  const contents = readdirSync(node.inbox).map((name) =>
    readFileSync(join(node.inbox, name), 'utf8'),
  )
  return contents.filter((content) => !content.includes('gossip_push'))
}

const reason = available()

if (reason !== undefined) test.skip('all of it', reason)
else {
  test.before(async () => {
    swarm = await startSwarm({ versions: VERSIONS })
    agents = await Promise.all(
      swarm.nodes.map(async (node) => {
        const seen = new Recorder(() => {}, isPush)
        const transport = new PilotTransport(nodeOptions(node))
        await transport.open(seen)
        return { node, transport, seen }
      }),
    )
  })

  test.after(async () => {
    await Promise.all(agents.map(({ transport }) => transport.close()))
    await swarm?.close()
  })

  test('knows its address and the abilities of its pilotctl', () => {
    for (const { node, transport } of agents) {
      assert.is(transport.address, node.address)
      const takesInput = ['1.17.0', '1.18.0'].includes(node.version)
      assert.is(transport.maxMessageBytes, takesInput ? 4_194_304 : 120_000, node.version)
    }
  })

  test(
    'sends between all versions, with the address of the sender',
    async () => {
      for (const from of agents)
        await Promise.all(
          agents
            .filter((to) => to !== from)
            .map((to) => from.transport.send(to.node.address, push(`to ${to.node.address}`))),
        )
      for (const { node, seen } of agents) {
        const senders = agents
          .map((other) => other.node.address)
          .filter((one) => one !== node.address)
        await until(
          `messages of all at ${node.version}`,
          () => senders.every((from) => seen.received.some((incoming) => incoming.from === from)),
          BOUND,
        )
        for (const { text } of seen.received) assert.is(text, push(`to ${node.address}`))
      }
    },
    SLOW,
  )

  test(
    'sends 110 KB from and to each version',
    async () => {
      const body = '0123456789\u20ac"\\\n'.repeat(5800)
      for (const [index, from] of agents.entries()) {
        const to = agents[(index + 1) % agents.length]!
        const text = push(`${from.node.version} ${body}`)
        assert.ok(Buffer.byteLength(text) > 110_000 && Buffer.byteLength(text) < 120_000)
        await from.transport.send(to.node.address, text)
        await until(`110 KB of ${from.node.version}`, () => to.seen.has(text), BOUND)
      }
    },
    SLOW,
  )

  test(
    'sends 3 MB by standard input from 1.18.0 to every version',
    async () => {
      const from = agentOf('1.18.0')
      for (const to of agents) {
        if (to === from) continue
        const text = push(`${to.node.version} ${'x'.repeat(3_000_000)}`)
        await from.transport.send(to.node.address, text)
        await until(`3 MB at ${to.node.version}`, () => to.seen.has(text), BOUND)
      }
    },
    SLOW,
  )

  test(
    'receives messages that were sent without --type, and leaves other files in place',
    async () => {
      const sender = agentOf('1.7.2')
      for (const { node, seen } of agents) {
        if (node === sender.node) continue
        const text = push(`typed as text for ${node.version}`)
        await ask(sender.node, 'send-message', node.address, '--data', 'a task for the agent')
        await ask(sender.node, 'send-message', node.address, '--type', 'binary', '--data', text)
        await ask(sender.node, 'send-message', node.address, '--data', text)
        await until(`the text at ${node.version}`, () => seen.has(text), BOUND)
        const again = push(`again for ${node.version}`)
        await sender.transport.send(node.address, again)
        await until(`the next at ${node.version}`, () => seen.has(again), BOUND)
        assert.is(seen.texts.filter((one) => one === text).length, 1)
        assert.ok(foreignFiles(node).some((content) => content.includes('a task for the agent')))
        const binary = readdirSync(node.inbox).filter((name) => name.startsWith('BINARY'))
        assert.is(binary.length, 1, node.version)
      }
    },
    SLOW,
  )

  test('consumes received messages', async () => {
    for (const { node } of agents)
      await until(
        `ours to be gone at ${node.version}`,
        () => readdirSync(node.inbox).every((name) => !name.startsWith('JSON')),
        BOUND,
      )
    for (const { seen } of agents) assert.equal(seen.problems, [])
  })

  test('resolves names and node ids to the address from which messages come', async () => {
    for (const { transport, node } of agents) {
      const peer = agentOf(node.version === '1.18.0' ? '1.7.2' : '1.18.0').node
      assert.is(await transport.resolve(peer.name), peer.address)
      assert.is(await transport.resolve(String(peer.nodeId)), peer.address)
      assert.is(await transport.resolve(peer.address), peer.address)
      await rejects(() => transport.resolve('nobody-of-that-name'), /not_found/)
      await rejects(() => transport.resolve('9999'), /not_found .*node not found/)
    }
  })

  test(
    'discovers trusted nodes by their tag, and members of a network',
    async () => {
      for (const { node } of agents)
        assert.equal(swarm.registry.nodes.get(node.nodeId)?.tags, ['swarm:kv'])
      for (const [index, { node, transport }] of agents.entries()) {
        const peer = agents[(index + 1) % agents.length]!.node
        await ask(node, 'handshake', String(peer.nodeId), 'gossip')
        await until(
          `${peer.version} to be found by ${node.version}`,
          async () => (await transport.discover()).includes(peer.address),
          BOUND,
        )
        assert.not.ok((await transport.discover()).includes(node.address))
        assert.ok((await transport.trusted()).includes(peer.address), node.version)
      }
      for (const { node } of agents) await ask(node, 'network', 'join', String(SWARM_NETWORK))
      const all = agents.map(({ node }) => node.address).sort()
      for (const { node } of agents) {
        const transport = new PilotTransport({
          ...nodeOptions(node),
          // One agent of a swarm may have the inbox, and the first one is still open.
          swarm: 'members',
          tag: false,
          network: SWARM_NETWORK,
        })
        await transport.open(new Recorder(undefined, () => false))
        const found = await transport.discover()
        const members = await transport.trusted(SWARM_NETWORK)
        const trusted = await transport.trusted()
        await transport.close()
        assert.equal([...new Set([...members, node.address])].sort(), all, node.version)
        assert.ok(
          members.every((address) => trusted.includes(address)),
          node.version,
        )
        assert.equal([...found, node.address].sort(), all, node.version)
      }
    },
    SLOW,
  )

  test(
    'reports once that its daemon is down, and works when it is back',
    async () => {
      // No node sends to it while it is down: a pair of daemons that tried may never connect again.
      const { node, transport, seen } = agentOf('1.13.11')
      const { node: peer, seen: peerSeen, transport: peerTransport } = agentOf('1.18.0')
      await node.kill()
      for (let round = 0; round < 2; round++)
        await rejects(() => transport.send(peer.address, push('lost')), /not_running .*not running/)
      assert.equal(
        seen.problems.map(({ code }) => code),
        ['not_running'],
      )
      await node.start()
      await transport.send(peer.address, push('back again'))
      await until('its message', () => peerSeen.has(push('back again')), BOUND)
      await peerTransport.send(node.address, push('welcome'))
      await until('the answer', () => seen.has(push('welcome')), BOUND)
      assert.is(seen.problems.length, 1)
    },
    SLOW,
  )

  test(
    'gives up a dead peer in time, while other sends continue',
    async () => {
      const dead = agentOf('1.13.8')
      await dead.node.kill()
      await Promise.all(
        agents.map(async ({ node, transport }) => {
          if (node === dead.node) return
          const other = agentOf(node.version === '1.18.0' ? '1.17.0' : '1.18.0')
          const text = push(`${node.version} past the dead one`)
          const lost = rejects(
            () => transport.send(dead.node.address, push('lost')),
            /timeout|connection_failed/,
          )
          await transport.send(other.node.address, text)
          await until(`the message of ${node.version}`, () => other.seen.has(text), BOUND)
          await lost
        }),
      )
    },
    SLOW,
  )

  test('reads the refusal of a private node as trust_required', async () => {
    const hidden = await startSwarm({ versions: ['1.18.0', '1.18.0'], isPublic: () => false })
    const [a, b] = hidden.nodes
    const transport = new PilotTransport(nodeOptions(a!))
    try {
      await transport.open(new Recorder())
      await rejects(() => transport.send(b!.address, push('x')), /trust_required .*private/)
    } finally {
      await transport.close()
      await hidden.close()
    }
  })
}

test.run()
