/**
 * The path of an editor's change for real: a stock y-websocket client, `run --ws` over one pilot
 * daemon, the real pilotctl, another daemon and its agent, `get`; and back. Each is a process of
 * its own.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { runCli, type Started, startCli } from '../helpers/cli.ts'
import { suite } from '../helpers/suite.ts'
import { available } from './programs.ts'
import { type Node, startSwarm, until } from './swarm.ts'

const test = suite('the bridge over real daemons')

const VERSION = '1.18.0'

/** Milliseconds; it takes about ten seconds, most of it for starting processes. */
const LONG = { timeout: 180_000 }

/** Milliseconds for a change to arrive, which takes a second, or longer on a busy machine. */
const ARRIVAL = 60_000

const root = fileURLToPath(new URL('../../', import.meta.url))

const dataOf = (node: Node): string => join(node.home, 'gossip')

const startAgent = (node: Node, peer: Node, ...more: string[]): Started =>
  startCli(
    [
      ...['run', '--swarm', 'kv', '--peer', peer.address, '--transport', 'pilot'],
      ...['--pilotctl', node.pilotctl, '--data', dataOf(node), '--interval', '2s', '--json'],
      ...more,
    ],
    node.env,
  )

const run = async (): Promise<void> => {
  const swarm = await startSwarm({ versions: [VERSION, VERSION] })
  const agents: Started[] = []
  let client: ReturnType<typeof spawn> | undefined
  try {
    const [here, there] = swarm.nodes as [Node, Node]
    agents.push(startAgent(here, there, '--ws', '0'), startAgent(there, here))
    const [first] = await Promise.all(agents.map((agent) => agent.shows(/.*\n/)))
    const { ws } = JSON.parse(first ?? '').data

    const script = join(root, 'test', 'examples', 'ws-client.ts')
    const args = ['--import', 'tsx', script, ws, 'kv', 'from:client', 'hello']
    client = spawn(process.execPath, args, { cwd: root })
    let output = ''
    for (const stream of [client.stdout, client.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    const ended = new Promise<number | null>((resolve) => client?.once('close', resolve))

    const get = (key: string) => runCli(['get', key, '--data', dataOf(there)], there.env)
    const arrives = async () => ((await get('from:client')).stdout === 'hello\n' ? true : undefined)
    await until(`the client's write at the other daemon`, arrives, ARRIVAL)

    const set = ['set', 'from:agent', '{"n":1}', '--data', dataOf(there)]
    assert.is((await runCli(set, there.env)).code, 0)
    const isPrinted = () => (output.includes('from:agent = {"n":1}\n') ? true : undefined)
    await until(`the other agent's write at the client`, isPrinted, ARRIVAL)

    client.kill('SIGINT')
    assert.is(await ended, 0, output)
    assert.is(output, 'from:client = "hello"\nfrom:agent = {"n":1}\n')
    for (const { child } of agents) child.kill('SIGTERM')
    for (const agent of agents) {
      const { code, stderr } = await agent.ended
      assert.is(code, 0, stderr)
    }
  } finally {
    client?.kill('SIGKILL')
    for (const { child } of agents) child.kill('SIGKILL')
    await Promise.all(agents.map(({ ended }) => ended))
    await swarm.close()
  }
}

const NAME = 'a y-websocket client and a get at the other daemon see each other'
const reason = available([VERSION])
if (reason === undefined) test(NAME, run, LONG)
else test.skip(NAME, reason)
test.run()
