/**
 * `run --ws`: unmodified y-websocket clients at agents of the command line, which are processes of
 * their own over a mailbox folder.
 */
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import * as assert from 'uvu/assert'
import { editor, RawClient } from '../helpers/bridge/clients.ts'
import { inProcess, type Started } from '../helpers/cli.ts'
import { createHome } from '../helpers/home.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli: run --ws')

type Client = ReturnType<typeof editor>

const { env, folder, signsOf, start, tell, close } = createHome()
const clients: Client[] = []

const runArgs = (name: string, ...more: string[]): string[] => [
  ...['run', '--swarm', 'kv', '--mailbox', folder('mailbox'), '--data', folder(name)],
  ...['--interval', '500ms', '--json', ...more],
]

interface Running {
  /** The report of its start. */
  readonly report: Record<string, unknown>
  /** Where clients connect. */
  readonly url: string
  readonly process: Started
}

const startAgent = async (name: string, ...more: string[]): Promise<Running> => {
  const process = start(runArgs(name, ...more))
  const report = JSON.parse(await process.shows(/.*\n/)).data
  return { report, url: report.ws, process }
}

const shows = (name: string, key: string, text: string) =>
  until(`${name} to have ${key}`, async () => (await tell(name, 'get', key)).stdout === `${text}\n`)

const connect = (url: string, room: string, params: Record<string, string> = {}): Client => {
  const client = editor(url, room, { params })
  clients.push(client)
  return client
}

const leave = (): void => {
  for (const client of clients.splice(0)) client.close()
}

const synced = (client: Client) => until('a client is synced', () => client.provider.synced)

const textOf = ({ doc }: Client): string => doc.getText('text').toString()

let a: Running
let b: Running

test.before(async () => {
  ;[a, b] = await Promise.all([startAgent('a', '--ws', '0'), startAgent('b', '--ws', '0')])
})

test.after(async () => {
  leave()
  // Even after a failure: a detached agent is not a child of this process.
  if (existsSync(folder('d'))) await tell('d', 'stop')
  await close()
})

test("bridge: a client in the swarm's room and a command at another agent see each other", async () => {
  assert.match(a.url, /^ws:\/\/127\.0\.0\.1:\d+$/)
  const client = connect(a.url, 'kv')
  const state = client.doc.getMap('state')
  state.set('early', { by: 'client' }) // before it is connected
  await shows('b', 'early', '{"by":"client"}')
  assert.is((await tell('b', 'set', 'answer', '42')).code, 0)
  await until('the client sees the answer', () => state.get('answer') === 42)
  state.set('answer', 43)
  await shows('b', 'answer', '43')
  assert.is((await tell('b', 'delete', 'early')).code, 0)
  await until('it is deleted at the client', () => !state.has('early'))
  leave()
})

test('bridge: two agents serve one room and its presence', async () => {
  const one = connect(a.url, 'team/notes')
  const two = connect(b.url, 'team/notes')
  one.doc.getText('text').insert(0, 'hello')
  await until('the other reads it', () => textOf(two) === 'hello')
  two.doc.getText('text').insert(5, ' world')
  await until('the first reads the answer', () => textOf(one) === 'hello world')
  one.provider.awareness.setLocalStateField('user', { name: 'anna' })
  const sees = (): boolean =>
    two.provider.awareness.getStates().get(one.doc.clientID)?.user?.name === 'anna'
  await until('the other sees who is there', sees)
  one.close()
  await until('and that she has left', () => !sees())
  assert.is(
    (await tell('b', 'list')).stdout.includes('hello'),
    false,
    'it is not a map of the swarm',
  )
  leave()
})

test('bridge: clients see only clients, since an agent edits nothing', async () => {
  const one = connect(a.url, 'quiet')
  const two = connect(b.url, 'quiet')
  const seen = ({ provider }: Client): number[] => [...provider.awareness.getStates().keys()].sort()
  const both = (): boolean => [one.doc, two.doc].every((doc) => seen(two).includes(doc.clientID))
  await until('the second sees the first', both)
  assert.equal(seen(two), [one.doc.clientID, two.doc.clientID].sort())
  leave()
})

test('bridge: serves more rooms than may be open, one after another, and keeps their content', async () => {
  for (let i = 0; i < 105; i++) {
    const client = connect(b.url, `many-${i}`)
    client.doc.getText('text').insert(0, `text ${i}`)
    await synced(client)
    leave()
  }
  const first = connect(b.url, 'many-0')
  await until('it is as it was', () => textOf(first) === 'text 0')
  leave()
})

test('--ws-read-only: clients see changes and make none', async () => {
  const { url, process } = await startAgent('c', '--ws', '0', '--ws-read-only')
  const client = connect(url, 'kv')
  const state = client.doc.getMap('state')
  let denials = 0
  client.provider.messageHandlers[2] = () => {
    denials++
  }
  await synced(client)
  await tell('a', 'set', 'seen', '1')
  await until('it sees what others write', () => state.get('seen') === 1)
  state.set('forbidden', 1)
  await until('its write is refused', () => denials > 0)
  assert.is((await tell('c', 'get', 'forbidden')).code, 1)
  leave()
  process.child.kill('SIGTERM')
  assert.equal(await process.ended.then(({ code, stderr }) => [code, stderr]), [0, ''])
})

test('bridge: a port in use is an error, and leaves nothing of the agent', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  for (const more of [[], ['--detach']]) {
    const ended = await inProcess(runArgs('busy', '--ws', String(port), ...more), { env })
    assert.equal([ended.code, ended.stdout], [1, ''])
    assert.equal(JSON.parse(ended.stderr), {
      status: 'error',
      code: 'already_exists',
      message: `port ${port} of "127.0.0.1" is in use`,
      hint: 'choose another, or 0',
    })
    assert.equal(signsOf('busy'), [])
  }
  await new Promise((resolve) => server.close(resolve))
  assert.is((await tell('busy', 'status')).code, 1)
})

const misuses: readonly (readonly [string[], RegExp])[] = [
  [['--ws-host', '0.0.0.0'], /"0\.0\.0\.0" the bridge is open to other hosts/],
  [['--ws-origin', 'app.example'], /"app\.example" is not an origin/],
]
for (const [more, message] of misuses) {
  test(`misuse: ${more.join(' ')}`, async () => {
    const ended = await inProcess(runArgs('open', '--ws', '0', ...more), { env })
    assert.is(ended.code, 2, ended.stderr)
    assert.is(JSON.parse(ended.stderr).code, 'invalid_argument')
    assert.match(JSON.parse(ended.stderr).message, message)
    assert.equal(existsSync(folder('open')) ? signsOf('open') : [], [])
  })
}

test('bridge: a detached agent takes its token, and keeps a room without clients', async () => {
  const secret = { ...env, PILOT_GOSSIP_WS_TOKEN: 's3cret' }
  const args = runArgs('d', '--ws', '0', '--room', 'plans', '--detach')
  const { code, stdout, stderr } = await inProcess(args, { env: secret })
  assert.equal([code, stderr], [0, ''])
  assert.not.match(stdout, 's3cret')
  const { ws: url, node } = JSON.parse(stdout).data as { ws: string; node: string }
  for (const query of ['', '?token=wrong']) {
    await rejects(() => RawClient.connect(`${url}/plans${query}`), /401/)
  }
  const writer = connect(a.url, 'plans')
  writer.doc.getText('text').insert(0, 'tomorrow')
  await synced(writer)
  await until('a to know it', async () => {
    const { peers } = JSON.parse((await tell('a', 'status', '--json')).stdout).data
    return peers.some(({ address }: { address: string }) => address === node)
  })
  leave()
  a.process.child.kill('SIGTERM')
  b.process.child.kill('SIGTERM')
  for (const { process } of [a, b]) assert.is((await process.ended).code, 0)
  // No other running agent has it.
  const reader = connect(url, 'plans', { token: 's3cret' })
  await until('it is read where no client was', () => textOf(reader) === 'tomorrow')
  leave()
  assert.is((await tell('d', 'stop')).code, 0)
  await rejects(() => RawClient.connect(`${url}/plans?token=s3cret`), /ECONNREFUSED/)
})

test('bridge: a room survives a restart of the only agent', async () => {
  const again = await startAgent('a', '--ws', '0')
  const client = connect(again.url, 'team/notes')
  await until('it is as it was', () => textOf(client) === 'hello world')
  const state = connect(again.url, 'kv').doc.getMap('state')
  await until('so is the map', () => state.get('answer') === 43)
  again.process.child.kill('SIGTERM')
  assert.equal(await again.process.ended.then(({ code, stderr }) => [code, stderr]), [0, ''])
  assert.equal(signsOf('a'), [])
  leave()
})

test.run()
