/** Agents over a mailbox folder that come and go: none leaves a box behind, and killed ones count as gone. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent, type Problem } from '../../../src/agent/agent.ts'
import { openMap } from '../../../src/open-map.ts'
import { PilotGossipProvider } from '../../../src/provider/index.ts'
import { dataFolder } from '../../../src/store/log/data-folder.ts'
import { MailboxTransport } from '../../../src/transports/mailbox/mailbox.ts'
import { agentIn } from '../../helpers/agent.ts'
import { inFolder } from '../../helpers/folder.ts'
import { createHome } from '../../helpers/home.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('mailbox agents')

const { folder, start, startAgent, tell, close } = createHome()
test.after(close)

const config = { intervalMs: 300, backoffMs: 100 }

const runArgs = (mailbox: string, name: string, ...more: string[]): string[] => [
  ...['run', '--swarm', 'kv', '--mailbox', folder(mailbox), '--name', name],
  ...['--data', folder(`${mailbox}-${name}`), '--interval', '300ms', ...more],
]

test('25 scripts, in turn and at once, leave only the box of the agent that stays', () =>
  inFolder(async (mailbox) => {
    const stays = await openMap({ swarm: 'kv', mailbox, name: 'stays', config })
    const script = async (name: string): Promise<void> => {
      const map = await openMap({ swarm: 'kv', mailbox, name, peers: ['stays'], config })
      map.set(name, 1)
      await map.close()
    }
    for (let i = 0; i < 15; i++) await script(`one-${i}`)
    await Promise.all(Array.from({ length: 10 }, (_, i) => script(`together-${i}`)))
    await until('all of it has come', () => stays.size === 25)
    assert.equal(readdirSync(mailbox), ['stays'])
    await stays.close()
    assert.equal(readdirSync(mailbox), [])
  }))

test('a provider that is destroyed leaves no box', () =>
  inFolder(async (dir) => {
    const other = await openMap({ swarm: 'pilot-gossip', mailbox: dir, name: 'b', config })
    const transport = new MailboxTransport({ dir, address: 'a' })
    const provider = new PilotGossipProvider(transport, 'pilot-gossip', new Y.Doc())
    await provider.whenSynced
    await provider.destroy()
    assert.equal(readdirSync(dir), ['b'])
    await other.close()
  }))

/** Writes a message into the box at the last moment, when no agent reads it any more. */
class Late extends MailboxTransport {
  last: (() => Promise<void>) | undefined

  override async leave(handOverMs: number): Promise<void> {
    await this.last?.()
    await super.leave(handOverMs)
  }
}

/** Keeps the messages that it would send to an address. */
class Kept extends MailboxTransport {
  readonly kept: string[] = []

  override async send(to: string, text: string): Promise<void> {
    if (to === 'b') this.kept.push(text)
    else await super.send(to, text)
  }
}

test('an agent that ends stores the last messages, and passes them on', () =>
  inFolder(async (root) => {
    const dir = join(root, 'mail')
    const late = new Late({ dir, address: 'b' })
    const b = new Agent({ swarm: 'kv', transport: late, data: dataFolder(join(root, 'b')), config })
    const c = agentIn(root, 'c')
    await b.start()
    await c.start()
    // From a script that has ended since: no other agent has its write.
    const kept = new Kept({ dir: join(root, 'elsewhere'), address: 'script' })
    const script = new Agent({ swarm: 'kv', transport: kept, peers: ['b'], config })
    await script.start()
    script.doc.getMap('state').set('last', 1)
    await until('the write to be sent', () => kept.kept.length > 2)
    await script.stop()
    const sender = new MailboxTransport({ dir, address: 'script' })
    await sender.open({ accepts: () => true, receive: () => {}, onProblem: () => {} })
    late.last = async () => {
      for (const text of kept.kept) await sender.send('b', text)
    }
    await b.stop()
    await sender.leave(0)
    await sender.close()
    await until('the other has it', () => c.doc.getMap('state').get('last') === 1)
    await c.stop()
    assert.equal(readdirSync(dir), [])
    const again = agentIn(root, 'b')
    await again.start()
    assert.is(again.doc.getMap('state').get('last'), 1)
    await again.stop()
  }))

test('an agent that is started again catches up, though its box was gone', () =>
  inFolder(async (root) => {
    const problems: Problem[] = []
    const [a, b] = [agentIn(root, 'a', problems), agentIn(root, 'b')]
    await a.start()
    await b.start()
    await until('they know each other', () => a.peers().some(({ inSync }) => inSync === true))
    await b.stop()
    assert.equal(readdirSync(join(root, 'mail')), ['a'])
    a.doc.getMap('state').set('meanwhile', 1)
    await until('it is known as gone', () => a.peers().some(({ failures }) => failures > 0))
    assert.is(a.peers().find(({ address }) => address === 'b')?.failure?.code, 'not_found')
    assert.equal(problems, [], 'that it has ended is no trouble')
    const again = agentIn(root, 'b')
    await again.start()
    await until('it has it', () => again.doc.getMap('state').get('meanwhile') === 1)
    await until('it is found again', () => a.peers().every(({ failures }) => failures === 0))
    await again.stop()
    await a.stop()
  }))

test('an agent that cannot start removes its box at once, and keeps waiting messages', () =>
  inFolder(async (root) => {
    const dir = join(root, 'mail')
    const make = (): Agent =>
      new Agent({
        swarm: 'kv',
        transport: new MailboxTransport({ dir, address: 'a' }),
        data: dataFolder(join(root, 'data')),
      })
    mkdirSync(join(root, 'data'))
    writeFileSync(join(root, 'data', 'log'), 'no folder')
    await rejects(() => make().start())
    assert.equal(readdirSync(dir), [])
    const name = '000000000000001-000001-00000000-4-x.msg'
    mkdirSync(join(dir, 'a', 'new'), { recursive: true })
    writeFileSync(join(dir, 'a', 'new', name), 'text')
    await rejects(() => make().start())
    assert.ok(existsSync(join(dir, 'a', 'left', name)))
  }))

test('run: leaves no box after a command, a signal or a failed start', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const agents = await Promise.all(
    ['a', 'b', 'c', 'd'].map((name) => startAgent(runArgs('ends', name))),
  )
  const busy = start(runArgs('ends', 'busy', '--ws', String(port)))
  assert.is((await busy.ended).code, 1)
  server.close()
  assert.is((await tell('ends-a', 'set', 'k', '1')).code, 0)
  assert.is((await tell('ends-b', 'stop')).code, 0)
  agents[2]?.child.kill('SIGTERM')
  agents[3]?.child.kill('SIGINT')
  for (const agent of agents.slice(1)) assert.is((await agent.ended).code, 0)
  assert.equal(readdirSync(folder('ends')), ['a'])
  assert.is((await tell('ends-a', 'stop')).code, 0)
  assert.equal(readdirSync(folder('ends')), [])
})

test('run: a killed agent counts as gone and gets no messages, until it is back', async () => {
  await startAgent(runArgs('killed', 'a'))
  const b = await startAgent(runArgs('killed', 'b'))
  const peersOf = async (name: string): Promise<string> => (await tell(name, 'peers')).stdout
  await until('they know each other', async () => /b +in sync/.test(await peersOf('killed-a')))
  b.child.kill('SIGKILL')
  await b.ended
  const box = join(folder('killed'), 'b', 'new')
  await until('messages wait', () => readdirSync(box).length > 0)
  // As if half a minute had passed.
  const hourAgo = Date.now() / 1000 - 3600
  for (const name of readdirSync(box)) utimesSync(join(box, name), hourAgo, hourAgo)
  await until('it is known', async () => /b +gone/.test(await peersOf('killed-a')))
  const { peers } = JSON.parse((await tell('killed-a', 'peers', '--json')).stdout).data
  assert.is(peers[0].failure.code, 'not_running')
  const doctor = await tell('killed-a', 'doctor', '--mailbox', folder('killed'))
  assert.match(doctor.stdout, /^ok +peers +1 mailbox: a; 1 of agents that are gone: b$/m)
  const waiting = readdirSync(box)
  for (let i = 0; i < 30; i++) await tell('killed-a', 'set', `${i}`, '1')
  assert.equal(readdirSync(box), waiting)
  await startAgent(runArgs('killed', 'b'))
  await until('it has all', async () => (await tell('killed-b', 'has', '29')).code === 0)
  await until('it is found again', async () => /b +in sync/.test(await peersOf('killed-a')))
  await until('all is read', () => readdirSync(box).length === 0)
})

test('two swarms in one folder lose nothing of each other', () =>
  inFolder(async (dir) => {
    const problems: Problem[] = []
    const open = (swarm: string, name: string) =>
      openMap({
        swarm,
        mailbox: dir,
        name,
        config,
        onProblem: (problem) => problems.push(problem),
      })
    const [a1, a2] = [await open('one', 'a1'), await open('one', 'a2')]
    const [b1, b2] = [await open('two', 'b1'), await open('two', 'b2')]
    a1.set('k', 'one')
    b1.set('k', 'two')
    await until('each has its own', () => a2.get('k') === 'one' && b2.get('k') === 'two')
    for (const map of [a2, b2, a1, b1]) await map.close()
    for (const name of readdirSync(dir)) assert.equal(readdirSync(join(dir, name)), ['left'])
  }))

test.run()
