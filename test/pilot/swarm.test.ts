/** Tests the test support: are these daemons fit to test a transport against? */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { rejects, suite } from '../helpers/suite.ts'
import { addressOf, SWARM_NETWORK } from './directory.ts'
import { available, VERSIONS } from './programs.ts'
import { startRegistry } from './registry.ts'
import { ask, deliver, type Node, pilotctl, type Swarm, startSwarm, until } from './swarm.ts'

const frame = (body: string): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(Buffer.byteLength(body))
  return Buffer.concat([head, Buffer.from(body)])
}

/** Sends bytes to the registry in pieces; resolves to its answers once there are `count`, or it has closed. */
const talk = (port: number, pieces: readonly Buffer[], count: number): Promise<unknown[]> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(port, '127.0.0.1')
    const answers: unknown[] = []
    let waiting: Buffer = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('close', () => resolve(answers))
    socket.on('data', (chunk: Buffer) => {
      waiting = Buffer.concat([waiting, chunk])
      while (waiting.length >= 4 && waiting.length >= 4 + waiting.readUInt32BE(0)) {
        const end = 4 + waiting.readUInt32BE(0)
        answers.push(JSON.parse(waiting.toString('utf8', 4, end)))
        waiting = waiting.subarray(end)
      }
      if (answers.length >= count) socket.end()
    })
    for (const piece of pieces) socket.write(piece)
  })

const registry = suite('pilot/registry')

registry('answers each request, even if they arrive in pieces or many at once', async () => {
  const server = await startRegistry()
  try {
    const register = frame(JSON.stringify({ type: 'register', public_key: 'k' }))
    const ask = frame(JSON.stringify({ type: 'lookup', node_id: 1 }))
    const whole = Buffer.concat([register, ask, ask])
    const answers = await talk(server.port, [whole.subarray(0, 2), whole.subarray(2)], 3)
    const types = answers.map((answer) => (answer as { type: string }).type)
    assert.equal(types, ['register_ok', 'lookup_ok', 'lookup_ok'])
  } finally {
    await server.close()
  }
})

registry('survives garbage, and disconnects on an invalid length', async () => {
  const server = await startRegistry()
  try {
    const garbage = [frame('{'), frame('[]'), frame('null'), frame('{"type":"dance"}')]
    const answers = (await talk(server.port, garbage, 4)) as { type: string; error: string }[]
    assert.equal(answers.length, 4)
    assert.ok(answers.every(({ type }) => type === 'error'))
    assert.is(answers[3]?.error, 'unknown message type')
    assert.is(server.unknown.get('dance'), 1)
    assert.equal(await talk(server.port, [Buffer.from('GET / HTTP/1.1\r\n\r\n')], 1), [])
    assert.is((await talk(server.port, [frame('{"type":"beacon_list"}')], 1)).length, 1)
  } finally {
    await server.close()
  }
})

registry('gives the same key the same node id, and forgets nodes that deregister', async () => {
  const server = await startRegistry()
  const send = async (message: object): Promise<unknown> =>
    (await talk(server.port, [frame(JSON.stringify(message))], 1))[0]
  try {
    await send({ type: 'register', public_key: 'a' })
    const second = await send({ type: 'register', public_key: 'b' })
    await send({ type: 'deregister', node_id: 2 })
    assert.not(server.nodes.has(2))
    assert.equal(await send({ type: 'register', public_key: 'b' }), second)
  } finally {
    await server.close()
  }
})

registry('writes addresses as daemons do', () => {
  assert.is(addressOf(10), '0:0000.0000.000A')
  assert.is(addressOf(0x12345678), '0:0000.1234.5678')
  assert.is(addressOf(10, 1), '1:0001.0000.000A')
})

registry.run()

const test = suite('pilot/swarm')
const missing = available()

/** Registers a test that needs the programs, or reports why it is skipped. */
const live = (name: string, handler: () => Promise<void>): void => {
  if (missing === undefined) test(name, handler, { timeout: 120_000 })
  else test.skip(name, missing)
}

let swarm: Swarm
if (missing === undefined) {
  test.before(async () => {
    swarm = await startSwarm({ versions: VERSIONS })
  })
  test.after(async () => {
    await swarm?.close()
  })
}

const node = (version: string): Node => {
  const found = swarm.nodes.find((each) => each.version === version)
  if (!found) throw new Error(`no node of ${version}`)
  return found
}

const isWhole = (file: string): boolean => readFileSync(file, 'utf8').endsWith('}')

/** The messages in a node's inbox, one per file; files that are still being written are left out. */
const received = (to: Node): { from: string; data: string }[] => {
  if (!existsSync(to.inbox)) return []
  const files = readdirSync(to.inbox).map((name) => join(to.inbox, name))
  return files.filter(isWhole).map((file) => JSON.parse(readFileSync(file, 'utf8')))
}

/** The tag command moved after 1.7.2. */
const tagCommand = (version: string): string[] =>
  version === '1.7.2' ? ['set-tags'] : ['extras', 'set-tags']

live('every version starts, with an address of its own', async () => {
  assert.equal(
    swarm.nodes.map(({ version }) => version),
    [...VERSIONS],
  )
  assert.is(new Set(swarm.nodes.map(({ address }) => address)).size, VERSIONS.length)
  for (const { nodeId, address } of swarm.nodes) assert.is(address, addressOf(nodeId))
})

live('a message arrives from each node at each other', async () => {
  for (const from of swarm.nodes) {
    for (const to of swarm.nodes) {
      if (to === from) continue
      const data = JSON.stringify({ type: 'gossip_push', sender: from.name })
      await deliver(from, to.address, '--type', 'json', '--data', data)
    }
  }
  for (const to of swarm.nodes) {
    const others = swarm.nodes.filter((other) => other !== to)
    const wanted = others.map(({ name, address }) => `${name} ${address}`).sort()
    await until(`the inbox of ${to.name}`, () => received(to).length >= wanted.length || undefined)
    const got = received(to).map(({ from, data }) => `${JSON.parse(data).sender} ${from}`)
    assert.equal([...new Set(got)].sort(), wanted, to.name)
  }
})

live('a node that was stopped or killed comes back with the same identity', async () => {
  const other = node('1.13.8')
  for (const each of [node('1.7.2'), node('1.18.0')]) {
    for (const end of [() => each.stop(), () => each.kill()]) {
      const { nodeId, address } = each
      await end()
      assert.not(each.running)
      assert.is((await pilotctl(each, 'info')).code, 'not_running')
      await each.start()
      assert.equal([each.nodeId, each.address], [nodeId, address])
      const answer = await deliver(each, other.address, '--data', 'back')
      assert.is(answer.target, other.address)
    }
  }
})

live('tags can be set and looked up', async () => {
  for (const each of swarm.nodes) {
    const tag = `swarm-${each.nodeId}`
    await ask(each, ...tagCommand(each.version), tag)
    for (const other of swarm.nodes) {
      const found = await ask(other, 'lookup', String(each.nodeId))
      assert.equal(found.tags, [tag])
      assert.is(found.hostname, each.name)
      assert.is(found.address, each.address)
    }
  }
})

live('find resolves hostnames', async () => {
  for (const each of swarm.nodes)
    assert.is((await ask(each, 'find', node('1.10.0').name)).address, node('1.10.0').address)
})

live('the members of a network are listed, those of the backbone are not', async () => {
  for (const each of swarm.nodes) await ask(each, 'network', 'join', String(SWARM_NETWORK))
  const ids = swarm.nodes.map(({ nodeId }) => nodeId).sort()
  for (const each of swarm.nodes) {
    const members = ['network', 'members', String(SWARM_NETWORK)]
    const { nodes } = await ask<{ nodes: { node_id: number }[] }>(each, ...members)
    assert.equal(nodes.map((member) => member.node_id).sort(), ids)
    assert.is((await pilotctl(each, 'network', 'members', '0')).status, 'error')
    const { networks } = await ask<{ networks: { id: number }[] }>(each, 'network', 'list')
    assert.equal(
      networks.map(({ id }) => id),
      [0, SWARM_NETWORK],
    )
  }
})

live('a private node is closed to nodes it does not trust, until they shake hands', async () => {
  const pair = await startSwarm({
    versions: ['1.18.0', '1.18.0'],
    isPublic: (index) => index === 0,
  })
  try {
    const [open, closed] = pair.nodes as [Node, Node]
    const send = () => pilotctl(open, 'send-message', closed.address, '--data', 'x')
    assert.is((await send()).code, 'trust_required')
    // From the closed side: from the other side it waits up to 60 s for the registry's relay.
    await ask(closed, 'handshake', String(open.nodeId), 'test')
    await until('trust', async () => (await send()).status === 'ok' || undefined)
  } finally {
    await pair.close()
  }
})

live('two swarms run side by side, even if daemons share an address', async () => {
  const other = await startSwarm({ versions: ['1.18.0', '1.7.2'], sharedAddress: true })
  try {
    assert.is.not(other.registry.address, swarm.registry.address)
    assert.is(other.registry.nodes.size, 2)
    for (const { endpoint } of other.registry.nodes.values())
      assert.match(endpoint, /^127\.0\.0\.1:/)
    const [first, second] = other.nodes as [Node, Node]
    await deliver(first, second.address, '--data', 'hello')
    const added = await other.add('1.17.0')
    await deliver(added, first.address, '--data', 'hello')
  } finally {
    await other.close()
  }
  assert.not(existsSync(other.folder))
  assert.not(other.nodes.some(({ running }) => running))
})

live('a swarm that cannot start is refused with the reason', async () => {
  const error = await rejects(() => startSwarm({ versions: ['1.18.0'], base: '/nowhere' }))
  assert.match(error.message, 'ENOENT')
  await rejects(() => startSwarm({ versions: ['latest'] }), /"latest" is not a version/)
})

/** The processes with `folder` in their command line. */
const processesOf = (folder: string): string[] =>
  execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.includes(folder))

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  live(`${signal} leaves no daemon and no folder behind`, async () => {
    const script = fileURLToPath(new URL('./play.ts', import.meta.url))
    const args = ['--import', 'tsx', script, '--versions', '1.18.0,1.7.2']
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    const folder = await until('the folder', () => /HOME=(\S+)\/n1/.exec(output)?.[1])
    await until('the end of its output', () => output.includes('Ctrl-C') || undefined)
    assert.is(processesOf(folder).length, 2)
    child.kill(signal)
    await ended
    assert.equal(processesOf(folder), [])
    assert.not(existsSync(folder))
  })
}

test.run()
