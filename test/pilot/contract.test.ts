/** The transport contract over the pilot transport: first with folders and a fake pilotctl, then with real daemons of mixed versions. */
import { setImmediate } from 'node:timers/promises'
import { PilotTransport } from '../../src/transports/pilot/transport.ts'
import { runTransportContract } from '../contracts/transport.ts'
import { fakeSwarm } from '../fixtures/pilot/fake.ts'
import { suite } from '../helpers/suite.ts'
import { available } from './programs.ts'
import { type Node, startSwarm } from './swarm.ts'

const SLOW = { slow: true, persistent: true }

const NAMES = ['a', 'b', 'c', 'd']

runTransportContract(
  'pilot over a fake pilotctl',
  async () => {
    const fake = fakeSwarm()
    fake.set('hang-9', true)
    return {
      transport: async (name) => {
        const { options } = fake.node(NAMES.indexOf(name) + 1)
        return new PilotTransport({ ...options, tag: false, timeoutMs: 8000 })
      },
      dead: async () => '0:0000.0000.0009',
      close: async () => fake.close(),
    }
  },
  SLOW,
)

/**
 * Each name is a daemon of another version, so that each test crosses versions. Most messages go to
 * `b`, which is not 1.7.2: that loses messages that arrive within one millisecond.
 */
const VERSIONS = { a: '1.18.0', b: '1.10.0', c: '1.7.2', d: '1.17.0', dead: '1.13.11' } as const

type Name = keyof typeof VERSIONS

const reason = available(Object.values(VERSIONS))
if (reason !== undefined) {
  const test = suite('pilot over real daemons keeps the contract')
  test.skip('all of it', reason)
  test.run()
} else {
  runTransportContract(
    'pilot over real daemons',
    async () => {
      // Two at once, which every test needs; the others on demand.
      const swarm = await startSwarm({ versions: [VERSIONS.a, VERSIONS.b] })
      const nodes = new Map<string, Node>()
      const node = async (name: Name): Promise<Node> => {
        const started = swarm.nodes.find(({ version }) => version === VERSIONS[name])
        const known = nodes.get(name) ?? started ?? (await swarm.add(VERSIONS[name]))
        nodes.set(name, known)
        return known
      }
      return {
        transport: async (name) => {
          const { pilotctl, env } = await node(name as Name)
          return new PilotTransport({ pilotctl, env, swarm: 'kv' })
        },
        dead: async () => {
          const dead = await node('dead')
          await dead.kill()
          // Node releases the handle of an ended process after two turns of the event loop.
          await setImmediate()
          await setImmediate()
          return dead.address
        },
        close: () => swarm.close(),
      }
    },
    SLOW,
  )
}
