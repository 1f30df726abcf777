/**
 * The whole path for real: agents over pilot daemons of their own, on loopback. Each write and
 * delete must reach every other agent through the real pilotctl.
 */
import { readdir, readFile } from 'node:fs/promises'
import * as assert from 'uvu/assert'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import { deleteEntry, readEntries, readEntry, writeEntry } from '../../src/maps/index.ts'
import { PilotTransport } from '../../src/transports/pilot/transport.ts'
import { suite } from '../helpers/suite.ts'
import { available } from './programs.ts'
import { ask, type Node, type Swarm, startSwarm, until } from './swarm.ts'

const test = suite('agents over real daemons')

/** Milliseconds for one test: daemons start, and the machine may be busy. */
const LONG = { timeout: 180_000 }

/** Milliseconds for a swarm to agree. It takes one or two seconds; a busy machine gets a minute. */
const AGREEMENT = 90_000

const MAP = 'state'

interface World {
  readonly swarm: Swarm
  readonly agents: Agent[]
  readonly problems: Problem[]
}

const agentOf = (node: Node, peers: readonly string[], problems: Problem[]): Agent =>
  new Agent({
    swarm: 'kv',
    transport: new PilotTransport({ swarm: 'kv', pilotctl: node.pilotctl, env: node.env }),
    peers,
    // Public nodes that do not trust one another.
    accept: 'any',
    config: { intervalMs: 2_000 },
    onProblem: (problem) => problems.push(problem),
  })

/** Starts daemons and an agent over each. Each agent is given the first one as a peer, or all. */
const within = async (
  options: Parameters<typeof startSwarm>[0],
  run: (world: World) => Promise<void>,
  given: 'first' | 'all' = 'first',
): Promise<void> => {
  const swarm = await startSwarm(options)
  const problems: Problem[] = []
  const addresses = swarm.nodes.map(({ address }) => address)
  const agents = swarm.nodes.map((node) => {
    const others = addresses.filter((address) => address !== node.address)
    return agentOf(node, given === 'all' ? others : others.slice(0, 1), problems)
  })
  try {
    await Promise.all(agents.map((agent) => agent.start()))
    await run({ swarm, agents, problems })
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()))
    await swarm.close()
  }
}

const digests = (agents: readonly Agent[]): Set<string> =>
  new Set(agents.map((agent) => agent.status().digest))

/** Waits until the condition is true. */
const untilTrue = (what: string, look: () => boolean | Promise<boolean>): Promise<unknown> =>
  until(what, async () => ((await look()) ? true : undefined), AGREEMENT)

/** Waits until all agents have the same digest, and this many keys. */
const agree = (agents: readonly Agent[], keys: number): Promise<unknown> =>
  untilTrue(
    `${agents.length} agents with ${keys} keys each`,
    () => digests(agents).size === 1 && agents.every(({ doc }) => doc.getMap(MAP).size === keys),
  )

/** Each agent writes keys of its own and one shared key; then each deletes a key of the next. */
const writeAndDelete = async (agents: readonly Agent[]): Promise<void> => {
  const count = agents.length
  agents.forEach(({ doc }, i) => {
    for (let k = 0; k < 5; k++) writeEntry(doc, MAP, `agent${i}:${k}`, { by: i, k, text: 'ü€😀' })
    writeEntry(doc, MAP, 'shared', i)
  })
  await agree(agents, count * 5 + 1)
  agents.forEach(({ doc }, i) => {
    assert.ok(deleteEntry(doc, MAP, `agent${(i + 1) % count}:0`))
    writeEntry(doc, MAP, `agent${i}:1`, 'overwritten')
  })
  await agree(agents, count * 4 + 1)
  const [expected, ...others] = agents.map(({ doc }) => readEntries(doc, MAP))
  for (const entries of others) assert.equal(entries, expected)
  agents.forEach((_, i) => {
    assert.is(expected![`agent${i}:1`], 'overwritten')
    assert.not('agent0:0' in expected!)
  })
  for (const agent of agents) assert.equal(agent.status().counters.rejected, {})
}

const MIXED = ['1.7.2', '1.10.0', '1.13.11', '1.17.0', '1.18.0']

const tests: [string, () => Promise<void>][] = [
  [
    'five agents of 1.18.0 converge on writes and deletes from all',
    () =>
      within({ versions: Array(5).fill('1.18.0') }, async ({ agents }) => {
        await writeAndDelete(agents)
        // Each agent was given only one peer, and soon knows all four others.
        await untilTrue('each knows all others', () =>
          agents.every((agent) => agent.status().peers.length === 4),
        )
      }),
  ],
  [
    'a mixed swarm of 1.7.2 to 1.18.0 converges',
    () => within({ versions: MIXED }, ({ agents }) => writeAndDelete(agents)),
  ],
  [
    'an agent whose daemon was down catches up on writes and deletes',
    () =>
      within({ versions: ['1.18.0', '1.18.0', '1.18.0'] }, async ({ swarm, agents }) => {
        const [a, b, c] = agents as [Agent, Agent, Agent]
        writeEntry(a.doc, MAP, 'kept', 1)
        writeEntry(a.doc, MAP, 'doomed', 1)
        await agree(agents, 2)
        await swarm.nodes[2]!.stop()
        deleteEntry(a.doc, MAP, 'doomed')
        writeEntry(b.doc, MAP, 'new', 2)
        // Written while it can reach no peer: it must not be lost either.
        writeEntry(c.doc, MAP, 'alone', 3)
        await agree([a, b], 2)
        assert.is(readEntry(c.doc, MAP, 'doomed'), 1)
        await swarm.nodes[2]!.start()
        await agree(agents, 3)
        assert.equal(readEntries(c.doc, MAP), { alone: 3, kept: 1, new: 2 })
      }),
  ],
  [
    "someone else's messages in the inbox are untouched",
    () =>
      within({ versions: ['1.18.0', '1.10.0'] }, async ({ swarm, agents }) => {
        const [sender, receiver] = swarm.nodes as [Node, Node]
        const foreign = [
          'hello, this is no JSON',
          '{"type":"task","swarm":"kv"}',
          '{"type":"gossip_push","version":1,"state":{"a":1},"sender":"1","timestamp":"1"}',
          '{"type":"gossip_push","version":1,"state":{},"sender":"1","timestamp":"1","swarm":"other","format":1}',
        ]
        for (const text of foreign) {
          await ask(sender, 'send-message', receiver.address, '--type', 'json', '--data', text)
        }
        for (let k = 0; k < 12; k++) {
          writeEntry(agents[0]!.doc, MAP, `key${k}`, k)
          await agree(agents, k + 1)
        }
        const waiting = async () => {
          const names = await readdir(receiver.inbox)
          // One of our files may be removed just then.
          const files = names.map((name) =>
            readFile(`${receiver.inbox}/${name}`, 'utf8').catch(() => undefined),
          )
          const found = (await Promise.all(files)).filter((file) => file !== undefined)
          return found.map((file) => JSON.parse(file).data as string)
        }
        // Our own files are removed, a moment after they were merged.
        const expected = JSON.stringify([...foreign].sort())
        const isClean = async () => JSON.stringify((await waiting()).sort()) === expected
        await untilTrue('only the foreign are left', isClean)
      }),
  ],
  [
    'a map of 2 MB reaches a 1.7.2 node, and others from there',
    () =>
      within({ versions: ['1.18.0', '1.7.2'] }, async ({ swarm, agents, problems }) => {
        const [a, b] = agents as [Agent, Agent]
        a.doc.transact(() => {
          for (let k = 0; k < 2_000; k++) {
            writeEntry(a.doc, MAP, `key${k}`, `${k}:${randomText(k, 1_000)}`)
          }
        })
        await agree([a, b], 2_000)
        // The source leaves. A newcomer gets the map from 1.7.2 alone, as arguments, in chunks.
        await swarm.nodes[0]!.kill()
        const node = await swarm.add('1.7.2')
        const c = agentOf(node, [swarm.nodes[1]!.address], problems)
        agents.push(c)
        await c.start()
        await agree([b, c], 2_000)
        const [source, reached] = [a, c].map(({ doc }) => JSON.stringify(readEntries(doc, MAP)))
        assert.ok(reached === source, 'the values differ')
        assert.equal(
          problems.filter(({ type }) => type === 'unsendable' || type === 'refused'),
          [],
        )
      }),
  ],
  [
    'agents whose daemons share one address converge, some of them over the beacon',
    () =>
      within(
        { versions: Array(5).fill('1.18.0'), sharedAddress: true },
        ({ agents }) => writeAndDelete(agents),
        'all',
      ),
  ],
  [
    'two agents whose daemons may not talk to each other converge through a third',
    async () => {
      // The first and the last trust the middle one, which is public, but not each other.
      const isPublic = (index: number): boolean => index === 1
      await within(
        { versions: Array(3).fill('1.18.0'), isPublic },
        async ({ swarm, agents, problems }) => {
          const [first, between, last] = swarm.nodes as [Node, Node, Node]
          for (const node of [first, last]) await ask(node, 'handshake', String(between.nodeId))
          await writeAndDelete(agents)
          const refused = problems.filter(
            (problem) =>
              problem.type === 'send' && [first.address, last.address].includes(problem.to),
          )
          assert.ok(refused.length > 0, 'no daemon was refused: they could connect after all')
        },
        'all',
      )
    },
  ],
]

/** Text that hardly compresses, the same for the same seed. */
const randomText = (seed: number, length: number): string => {
  let state = seed * 2_654_435_761 + 1
  let text = ''
  while (text.length < length) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    text += state.toString(36)
  }
  return text.slice(0, length)
}

const reason = available(MIXED)
for (const [name, run] of tests) {
  if (reason === undefined) test(name, run, LONG)
  else test.skip(name, reason)
}
test.run()
