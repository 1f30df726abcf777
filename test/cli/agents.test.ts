/** The command line with running agents: child processes over a mailbox folder, and over a fake pilotctl. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { mailboxName } from '../../src/cli/transport-mailbox.ts'
import { ControlClient } from '../../src/control/client.ts'
import { FAKE, type FakeSwarm, fakeSwarm } from '../fixtures/pilot/fake.ts'
import { BIN, dataOf, homeEnv, inProcess, ROOT, runCli, type Started } from '../helpers/cli.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli with agents')

const { env, folder, start, startAgent: startHere, tell, close } = createHome()
const mailbox = folder('mailbox')
let fake: FakeSwarm

/** Starts an agent of the swarm "kv" on the data folder of that name; resolves when it is ready. */
const startAgent = (name: string): Promise<Started> =>
  startHere([
    ...['run', '--swarm', 'kv', '--mailbox', mailbox, '--data', folder(name)],
    ...['--interval', '500ms'],
  ])

const shows = (name: string, key: string, value: unknown) =>
  until(`${name} to have ${key}`, async () => {
    const { code, stdout } = await tell(name, 'get', key, '--json')
    return code === 0 && JSON.stringify(JSON.parse(stdout).data.value) === JSON.stringify(value)
  })

const lacks = (name: string, key: string) =>
  until(`${name} to lack ${key}`, async () => (await tell(name, 'get', key)).code === 1)

let a: Started
let b: Started

test.before(async () => {
  fake = fakeSwarm()
  ;[a, b] = await Promise.all([startAgent('a'), startAgent('b'), startAgent('c')])
})

test.after(async () => {
  await close()
  fake.close()
})

test('run --json: prints one line that describes the agent', async () => {
  assert.equal(JSON.parse(a.stdout()), {
    status: 'ok',
    data: {
      swarm: 'kv',
      node: mailboxName(folder('a')),
      transport: 'mailbox',
      mailbox,
      data: folder('a'),
      peers: [],
      isSealed: false,
      accept: 'any',
      pid: a.child.pid,
    },
  })
  assert.is(statSync(folder('a')).mode & 0o777, 0o700)
})

test('agents: share what one sets, and what one deletes', async () => {
  const set = await runCli(['set', 'greeting', 'hello', '--data', folder('a')], env)
  assert.equal(set, { code: 0, stdout: 'greeting = "hello"\n', stderr: '' })
  for (const name of ['b', 'c']) await shows(name, 'greeting', 'hello')
  assert.equal(await tell('b', 'get', 'greeting'), { code: 0, stdout: 'hello\n', stderr: '' })
  assert.equal(await tell('c', 'delete', 'greeting'), {
    code: 0,
    stdout: 'deleted greeting\n',
    stderr: '',
  })
  for (const name of ['a', 'b']) await lacks(name, 'greeting')
})

test('--json: prints the same before and after the command', async () => {
  await tell('a', 'set', 'n', '{"x":[1,null]}')
  const args = ['get', 'n', '--data', folder('a')]
  const before = await runCli(['--json', ...args], env)
  assert.equal(before, {
    code: 0,
    stdout: '{"status":"ok","data":{"map":"state","key":"n","value":{"x":[1,null]}}}\n',
    stderr: '',
  })
  assert.equal(await inProcess([...args, '--json'], { env }), before)
})

test('set: strings that look like JSON, negative numbers, standard input', async () => {
  await tell('a', 'set', 'zip', '12', '--string')
  assert.is(dataOf(await tell('a', 'get', 'zip', '--json')).value, '12')
  await tell('a', 'set', 'cold', '-5')
  assert.is(dataOf(await tell('a', 'get', 'cold', '--json')).value, -5)
  await inProcess(['set', 'dash', '--data', folder('a'), '--', '--json'], { env })
  assert.is((await tell('a', 'get', 'dash')).stdout, '--json\n')
  const lines = 'two\nlines\n'
  const piped = await runCli(['set', 'text', '-', '--data', folder('a')], env, lines)
  assert.equal(piped, { code: 0, stdout: 'text = "two\\nlines"\n', stderr: '' })
  assert.is((await tell('a', 'get', 'text')).stdout, lines)
  const many = await runCli(['set', 't', '-', '--data', folder('a')], env, 'x'.repeat(2 ** 24 + 1))
  assert.equal([many.code, many.stdout], [2, ''])
  assert.match(many.stderr, /^pilot-gossip: standard input is longer than 16777216 bytes\nhint: /)
})

test('list: prints a table for people, an object for programs, one map each', async () => {
  await tell('a', 'set', 'k', '1', '--map', 'other')
  await tell('a', 'set', 'a key', 'x\u001b[2J', '--map', 'other')
  assert.equal(await tell('a', 'list', '--map', 'other'), {
    code: 0,
    stdout: 'KEY      VALUE\n"a key"  "x\\u001b[2J"\nk        1\n',
    stderr: '',
  })
  assert.equal(dataOf(await tell('a', 'list', '--map', 'other', '--json')), {
    map: 'other',
    entries: { 'a key': 'x\u001b[2J', k: 1 },
  })
  assert.is((await tell('a', 'get', 'k')).code, 1)
  const empty = await tell('a', 'list', '--map', 'none')
  assert.equal(empty, { code: 0, stdout: '', stderr: 'map "none" is empty\n' })
  assert.equal(dataOf(await tell('a', 'list', '--map', 'none', '--json')).entries, {})
})

test('watch: prints local and remote changes as they come', async () => {
  const all = start(['watch', '--json', '--data', folder('b')])
  const one = start(['watch', 'w2', '--data', folder('b')])
  // No command reports when a watch has begun, so writes continue until both have printed one.
  let n = 0
  await until('both watchers', async () => {
    await tell('a', 'set', 'w1', String(n))
    await tell('a', 'set', 'w2', `"${n++}"`)
    return all.stdout() !== '' && one.stdout() !== ''
  })
  await shows('b', 'w2', String(n - 1))
  await tell('b', 'delete', 'w2')
  const deleted = await all.shows(/.*"w2","action":"delete".*\n/)
  const { writer, ...fields } = JSON.parse(deleted).data
  const of = { map: 'state', key: 'w2', action: 'delete', old: String(n - 1) }
  assert.equal(fields, { ...of, node: mailboxName(folder('b')) })
  assert.ok(Number.isSafeInteger(writer), deleted)
  const change = await all.shows(/.*"w1","action":"set","value":\d+,"old".*\n/)
  const { value, old, node } = JSON.parse(change).data
  assert.is(node, mailboxName(folder('a')), 'who wrote it is another agent')
  // Writes that are batched into one push are one change.
  assert.ok(value > old, change)
  await one.shows(/^delete w2 /m)
  const line =
    /^(set w2 "\d+" {2}\((was "\d+", )?by agent-\w+\)|delete w2 {2}\(was "\d+", by agent-\w+\)|)$/
  assert.ok(
    one
      .stdout()
      .split('\n')
      .every((text) => line.test(text)),
    one.stdout(),
  )
  for (const { child } of [all, one]) child.kill()
  assert.is((await one.ended).stderr, '')
})

test('status: prints everything that the agent knows', async () => {
  await tell('a', 'set', 'last', 'one')
  for (const name of ['b', 'c']) await shows(name, 'last', 'one')
  const status = await until('agreement', async () => {
    const all = await Promise.all(
      ['a', 'b', 'c'].map(async (name) => dataOf(await tell(name, 'status', '--json'))),
    )
    return new Set(all.map(({ digest }) => digest)).size === 1 && all[0]
  })
  assert.equal(Object.keys(status).slice(0, 6), [
    'swarm',
    'node',
    'transport',
    'version',
    'digest',
    'maps',
  ])
  assert.equal([status.swarm, status.node], ['kv', mailboxName(folder('a'))])
  const maps = status.maps as { name: string; keys: number }[]
  assert.equal(
    maps.map(({ name }) => name),
    ['other', 'state'],
  )
  const peers = status.peers as { address: string; inSync: boolean; lastHeard: string | null }[]
  assert.equal(
    peers.map(({ address }) => address),
    ['b', 'c'].map((name) => mailboxName(folder(name))).sort(),
  )
  const counters = status.counters as Record<string, number>
  for (const name of ['pushesSent', 'pushesReceived', 'bytesSent', 'bytesReceived']) {
    assert.ok((counters[name] ?? 0) > 0, name)
  }
  assert.equal(counters.rejected, {})
  const people = await tell('a', 'status')
  assert.match(people.stdout, /^swarm {5}kv\nnode {6}agent-[0-9a-f]{8} \(mailbox\)\ndata /)
  assert.match(people.stdout, /\n\nMAP {4}KEYS\nother {2}2\nstate /)
  assert.match(people.stdout, /\n\nPEER +STATE +HEARD +KNOWN +FAILURES\nagent-/)
})

/** What a running agent refuses: the command, the exit code, code and message. */
const refused: readonly (readonly [string[], number, string, string | RegExp])[] = [
  [['get', 'nope'], 1, 'not_found', 'no key "nope" in map "state"'],
  [['delete', 'nope'], 1, 'not_found', 'no key "nope" in map "state"'],
  [['get', 'n', '--map', 'none'], 1, 'not_found', 'no key "n" in map "none"'],
  [['set', '', '1'], 2, 'invalid_argument', 'the key is empty'],
  [['set', 'k', '1', '--map', ''], 2, 'invalid_argument', 'the map name is empty'],
  [['set', '__proto__', '1'], 2, 'invalid_argument', /^key "__proto__" is reserved/],
  [['set', 'k', '{"__proto__":1}'], 2, 'invalid_argument', /"__proto__" is reserved/],
  [
    ['set', 'x'.repeat(1025), '1'],
    2,
    'invalid_argument',
    /^key "x{40}\u2026" is longer than 1024 bytes$/,
  ],
  [
    ['set', 'k', 'x'.repeat(8_388_608)],
    2,
    'invalid_argument',
    'value of "k" takes 8388610 bytes; at most 8388608 are allowed',
  ],
  [['set', 'k', '"\\ud800"'], 2, 'invalid_argument', /lone surrogate/],
  [['set', 'k', `${'['.repeat(200)}${']'.repeat(200)}`], 2, 'invalid_argument', /nested more than/],
  [
    ['get', 'n', '--swarm', 'other'],
    2,
    'invalid_argument',
    'the agent here belongs to the swarm "kv", not of "other"',
  ],
]

for (const [args, code, reason, message] of refused) {
  test(`refused: ${args.join(' ').slice(0, 40)}`, async () => {
    const people = await tell('a', ...args)
    assert.equal([people.code, people.stdout], [code, ''])
    const json = await tell('a', ...args, '--json')
    assert.equal([json.code, json.stdout], [code, ''])
    const failure = JSON.parse(json.stderr)
    assert.equal([failure.status, failure.code], ['error', reason])
    if (typeof message === 'string') assert.is(failure.message, message)
    else assert.match(failure.message, message)
    const [first, hint] = people.stderr.split('\n')
    assert.is(first, `pilot-gossip: ${failure.message}`)
    assert.is(hint, failure.hint === undefined ? '' : `hint: ${failure.hint}`)
  })
}

test('run: a second agent on a data folder is refused, and the first continues', async () => {
  const args = ['run', '--swarm', 'kv', '--mailbox', mailbox, '--data', folder('a')]
  assert.equal(await inProcess(args, { env }), {
    code: 1,
    stdout: '',
    stderr: `pilot-gossip: an agent runs on "${folder('a')}" already: process ${a.child.pid}\nhint: stop it with: pilot-gossip stop --data ${folder('a')}; or give this one another folder with --data DIR\n`,
  })
  const other = await inProcess(
    [...args.slice(0, -1), folder('z'), '--name', mailboxName(folder('a')), '--json'],
    { env },
  )
  assert.equal([other.code, other.stdout], [1, ''])
  assert.is(JSON.parse(other.stderr).code, 'already_exists')
  assert.not(existsSync(join(folder('z'), 'agent.sock')), 'a start that failed leaves a socket')
  assert.is((await tell('a', 'status')).code, 0)
})

test('SIGTERM: delivers the last write, exits with 0, leaves nothing behind', async () => {
  const d = await startAgent('d')
  const watching = start(['watch', '--data', folder('d')])
  const client = new ControlClient(folder('d'))
  const controller = new AbortController()
  await client.watch({ command: 'watch' }, () => undefined, {
    onReady: () => controller.abort(),
    signal: controller.signal,
  })
  await until('the watch to begin', async () => {
    await tell('d', 'set', 'noise', String(Math.random()))
    return watching.stdout() !== ''
  })
  await until('d to know its peers', async () => {
    const { peers } = dataOf(await tell('d', 'status', '--json'))
    return (peers as unknown[]).length >= 3
  })
  await tell('d', 'set', 'last words', 'bye')
  d.child.kill('SIGTERM')
  assert.is((await d.ended).code, 0)
  assert.is((await d.ended).stderr, '')
  for (const name of ['a', 'b', 'c']) await shows(name, 'last words', 'bye')
  assert.not(existsSync(join(folder('d'), 'agent.sock')))
  const { code, stderr } = await watching.ended
  assert.is(code, 1)
  assert.match(
    stderr,
    `pilot-gossip: the agent on "${folder('d')}" has stopped\nhint: start it again `,
  )
})

test('kill -9: the next agent takes the folder over and catches up', async () => {
  await tell('b', 'set', 'kept', '1')
  await shows('a', 'kept', 1)
  b.child.kill('SIGKILL')
  await b.ended
  assert.ok(existsSync(join(folder('b'), 'agent.sock')), 'nothing stale to take over')
  const down = await tell('b', 'get', 'kept')
  assert.is(down.code, 1)
  assert.match(down.stderr, /^pilot-gossip: no agent runs on /)
  await tell('a', 'set', 'meanwhile', '2')
  await tell('a', 'delete', 'kept')
  b = await startAgent('b')
  await shows('b', 'meanwhile', 2)
  await lacks('b', 'kept')
})

test('run: prints commands to try, and Ctrl-C ends it with code 0', async () => {
  const home = homeEnv(folder('home'))
  mkdirSync(folder('home'))
  const dir = join(folder('home'), 'state', 'pilot-gossip', 'people')
  const args = ['run', '--swarm', 'people', '--mailbox', folder('m2'), '--peer', mailboxName(dir)]
  const agent = start(args, home)
  await agent.shows(/Ctrl-C stops the agent\.\n$/)
  assert.is(
    agent.stdout(),
    `swarm    people
address  ${mailboxName(dir)} (mailbox in ${folder('m2')})
data     ${dir}
peers    those in the mailbox folder
secret   none: whoever can send to this agent can write (pilot-gossip secret new)

Try in another terminal, here or at a peer:
  pilot-gossip set greeting hello --swarm people
  pilot-gossip get greeting --swarm people
  pilot-gossip watch --swarm people
  pilot-gossip status --swarm people

Ctrl-C stops the agent.
`,
  )
  const set = await inProcess(['set', 'k', 'v', '--swarm', 'people'], { env: home })
  assert.is(set.code, 0)
  assert.is((await inProcess(['get', 'k'], { env: home })).stdout, 'v\n')
  const byEnv = { ...home, PILOT_GOSSIP_SWARM: 'people' }
  assert.is((await inProcess(['get', 'k'], { env: byEnv })).stdout, 'v\n')
  const doctor = await inProcess(['doctor', '--mailbox', folder('m2')], { env: byEnv })
  assert.is(doctor.code, 0)
  assert.match(doctor.stdout, `ok       agent    runs on ${dir}\n`)
  assert.match(doctor.stdout, `ok       peers    1 mailbox: ${mailboxName(dir)}\n`)
  agent.child.kill('SIGINT')
  assert.is((await agent.ended).code, 0)
})

test('run: an absent peer is one line with advice, and the agent continues', async () => {
  const args = ['run', '--swarm', 'kv', '--mailbox', folder('m3'), '--data', folder('e')]
  const agent = start([...args, '--peer', 'ghost', '--interval', '100ms'])
  const client = new ControlClient(folder('e'))
  await until('some failures', async () => {
    if (!(await client.isRunning())) return false
    const { counters } = await client.ask({ command: 'status' })
    return (counters as { sendsFailed: number }).sendsFailed >= 2
  })
  agent.child.kill('SIGTERM')
  const { code, stderr } = await agent.ended
  assert.is(code, 0)
  const [line = '', ...more] = stderr.trim().split('\n')
  assert.match(
    line,
    /^pilot-gossip: could not send to ghost: no agent has opened "ghost" in ".*m3" \(.*\)$/,
  )
  assert.equal(more, [])
})

test('output: a closed standard output is not an error, for list or a running agent', async () => {
  await tell('a', 'set', 'big', 'x'.repeat(60_000))
  const bin = ['--import', 'tsx', BIN]
  const run = (args: string[]) => {
    const child = spawn(process.execPath, [...bin, ...args], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stdout.destroy()
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    return { child, stderr: () => stderr }
  }
  const list = run(['list', '--data', folder('a')])
  const [code] = await once(list.child, 'close')
  assert.equal([code, list.stderr()], [0, ''])
  const agent = run(['run', '--swarm', 'kv', '--mailbox', folder('m4'), '--data', folder('f')])
  const client = new ControlClient(folder('f'))
  await until('the agent', () => client.isRunning())
  assert.is((await client.ask({ command: 'status' })).swarm, 'kv')
  agent.child.kill('SIGTERM')
  const [agentCode] = await once(agent.child, 'close')
  assert.equal([agentCode, agent.stderr()], [0, ''])
})

/** Options and environment of an agent over the fake pilotctl. */
const pilot = (id: number, fields = {}) => {
  const node = fake.node(id, fields)
  const data = folder(`pilot${id}`)
  return {
    env: { ...env, ...node.env },
    args: ['--swarm', 'kv', '--pilotctl', FAKE, '--data', data],
  }
}

test('pilotctl: agents find each other by trust and tag', async () => {
  const one = pilot(1, { trusted: [2] })
  const two = pilot(2, { trusted: [1] })
  const agents = [
    start(['run', ...one.args, '--json'], one.env),
    start(['run', ...two.args, '--json'], two.env),
  ]
  for (const agent of agents) await agent.shows(/"transport":"pilot"/)
  assert.is((await tell('pilot1', 'set', 'k', 'over pilot')).code, 0)
  await shows('pilot2', 'k', 'over pilot')
  const doctor = await inProcess(['doctor', ...one.args, '--json'], { env: one.env })
  assert.equal([doctor.code, doctor.stderr], [0, ''])
  const checks = JSON.parse(doctor.stdout).data.checks as {
    name: string
    ok: boolean
    detail: string
  }[]
  assert.equal(
    checks.map(({ name, ok }) => `${name} ${ok}`),
    ['node', 'data', 'agent', 'secret', 'pilotctl', 'daemon', 'inbox', 'tag', 'peers'].map(
      (name) => `${name} true`,
    ),
  )
  const details = Object.fromEntries(checks.map(({ name, detail }) => [name, detail]))
  assert.is(details.pilotctl, `${FAKE} 1.18.0, messages of 4194304 bytes`)
  assert.is(details.daemon, 'up, 0:0000.0000.0001 (n1)')
  assert.is(details.tag, 'this node is tagged for "kv"')
  assert.is(details.peers, '1 trusted node, of the swarm "kv": 0:0000.0000.0002')
  for (const { child } of agents) child.kill('SIGTERM')
  for (const { ended } of agents) assert.is((await ended).code, 0)
})

test('doctor: with agents on a mailbox, checks their peers and not Pilot', async () => {
  const named = await inProcess(['doctor', '--data', folder('a'), '--json'], { env })
  const { checks } = dataOf(named) as { checks: { name: string; level: string; detail: string }[] }
  assert.equal(
    checks.map(({ name, level }) => `${name} ${level}`),
    ['node ok', 'data ok', 'agent ok', 'secret ok', 'peers ok'],
  )
  assert.match(checks[4]?.detail ?? '', /^\d+ peers, [1-9] heard: agent-/)
  // No agent is named: it checks those below the user's own folder.
  const home = homeEnv(folder('home2'))
  mkdirSync(folder('home2'))
  const alone = start(['run', '--swarm', 'alone', '--mailbox', folder('m7')], home)
  await alone.shows(/Ctrl-C stops the agent\.\n$/)
  const { code, stdout } = await inProcess(['doctor'], { env: home })
  assert.is(code, 0)
  assert.match(stdout, /\nok +agent +runs on .*\/alone\n/)
  assert.match(stdout, /\nwarning +peers +the agent of the swarm "alone" knows no peers yet\n/)
  assert.not.match(stdout, /pilotctl/)
  alone.child.kill('SIGTERM')
  assert.is((await alone.ended).code, 0)
})

test('doctor: pings peers over Pilot unless its agent receives from them', async () => {
  const examine = async ({ args, env }: ReturnType<typeof pilot>): Promise<string> =>
    (await inProcess(['doctor', ...args], { env })).stdout
  const peersOf = (output: string): string => /^\w+ +peers .*$/m.exec(output)?.[0] ?? output
  const six = pilot(6, { trusted: [7] })
  const seven = pilot(7, { trusted: [], tags: ['swarm:kv'] })
  const node = '0:0000.0000.0007'
  const trusted = `1 trusted node, of the swarm "kv": ${node}`
  assert.match(peersOf(await examine(six)), new RegExp(`^ok +peers +${trusted}$`))
  fake.set('down-7', true)
  for (const version of ['1.7.2', '1.18.0']) {
    const output = await examine({ ...six, env: { ...six.env, FAKE_VERSION: version } })
    assert.match(peersOf(output), new RegExp(`^warning +peers +${trusted}; none answers: .*0*7`))
  }
  fake.set('down-7', false)
  // Seven trusts no node; six sends to it.
  assert.match(peersOf(await examine(seven)), /^warning +peers +0 trusted nodes, none of the swarm/)
  const agents = [
    start(['run', ...seven.args, '--accept', 'any', '--json'], seven.env),
    start(['run', ...six.args, '--peer', '7', '--json'], six.env),
  ]
  for (const agent of agents) await agent.shows(/"transport":"pilot"/)
  const client = new ControlClient(folder('pilot7'))
  await until('six to be heard', async () => {
    const { peers } = await client.ask({ command: 'peers' })
    return (peers as unknown[]).length > 0
  })
  assert.match(
    peersOf(await examine(seven)),
    /^ok +peers +0 trusted nodes; the agent hears 0:0000\.0000\.0006$/,
  )
  for (const { child } of agents) child.kill('SIGTERM')
  for (const { ended } of agents) assert.is((await ended).code, 0)
})

/** The output of a script that opens the map of the swarm at that daemon, with these options. */
const script = async (node: ReturnType<typeof pilot>, code: string): Promise<string> => {
  const bin = folder('bin')
  mkdirSync(bin, { recursive: true })
  if (!existsSync(join(bin, 'pilotctl'))) symlinkSync(FAKE, join(bin, 'pilotctl'))
  const source = fileURLToPath(new URL('../../src/index.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '-e'],
      `import { openMap } from ${JSON.stringify(source)}\n${code}`,
    ],
    { env: { ...node.env, PATH: `${bin}:${process.env.PATH}` } },
  )
  return stdout
}

test('openMap: a script at the daemon of an agent joins through that agent', async () => {
  const eight = pilot(8, { trusted: [9] })
  const nine = pilot(9, { trusted: [8] })
  const agents = [
    start(['run', ...eight.args, '--json'], eight.env),
    start(['run', ...nine.args, '--json'], nine.env),
  ]
  for (const agent of agents) await agent.shows(/"transport":"pilot"/)
  assert.is((await tell('pilot8', 'set', 'before', '1')).code, 0)
  const printed = await script(
    eight,
    `const map = await openMap({ swarm: 'kv' })
    map.set('script', map.get('before'))
    await map.flushed()
    console.log(map.agent.status().transport, map.agent.address)
    await map.close()`,
  )
  assert.is(printed, 'guest 0:0000.0000.0008/1\n')
  await shows('pilot8', 'script', 1)
  await shows('pilot9', 'script', 1)
  // A second `run` there needs its own folder, so it cannot join: it is refused, with the owner's process and folder.
  const second = start(
    ['run', '--swarm', 'kv', '--pilotctl', FAKE, '--data', folder('second'), '--json'],
    eight.env,
  )
  const { code, stderr } = await second.ended
  assert.is(code, 1)
  const failure = JSON.parse(stderr)
  assert.is(failure.code, 'already_exists')
  assert.match(failure.message, /process \d+ has it, with the data folder ".*pilot8"/)
  for (const { child } of agents) child.kill('SIGTERM')
  for (const { ended } of agents) assert.is((await ended).code, 0)
})

test('run: a signal during the start ends it with code 0', async () => {
  const five = pilot(5, { trusted: [4] })
  fake.set('lost-5', true)
  const agent = start(['run', ...five.args, '--peer', '5'], five.env)
  await until('its socket', () => new ControlClient(folder('pilot5')).isRunning())
  agent.child.kill('SIGTERM')
  assert.equal(await agent.ended, { code: 0, stdout: '', stderr: '' })
})

test('pilotctl: without a daemon an agent serves its map, and joins when the daemon is up', async () => {
  const four = pilot(4, { trusted: [5] })
  const five = pilot(5, { trusted: [4] })
  fake.set('down-4', true)
  // Its only peer is not known yet; five, which it trusts, is discovered.
  const waiting = start(['run', ...four.args, '--peer', 'nobody'], four.env)
  await waiting.shows(/Ctrl-C/)
  const shown = waiting.stdout()
  assert.match(shown, /^address {2}not known yet \(pilot\)$/m)
  assert.match(shown, /^waits {4}pilotctl: daemon is not running \(start the daemon with: /m)
  assert.is((await tell('pilot4', 'set', 'early', '1')).code, 0)
  const before = await tell('pilot4', 'status', '--json')
  assert.is(JSON.parse(before.stdout).data.waitsFor.code, 'not_running')
  const other = start(['run', ...five.args, '--json'], five.env)
  await other.shows(/"transport":"pilot"/)
  fake.set('down-4', false)
  await shows('pilot5', 'early', 1)
  const after = JSON.parse((await tell('pilot4', 'status', '--json')).stdout).data
  assert.equal([after.node, after.waitsFor], ['0:0000.0000.0004', undefined])
  await tell('pilot5', 'set', 'late', '2')
  await shows('pilot4', 'late', 2)
  for (const agent of [waiting, other]) {
    agent.child.kill('SIGTERM')
    assert.is((await agent.ended).code, 0)
  }
})

test('pilotctl: one unknown peer of several is only reported', async () => {
  const six = pilot(6)
  const agent = start(
    ['run', ...six.args, '--peer', 'nobody', '--peer', '0:0000.0000.0001', '--json'],
    six.env,
  )
  await agent.shows(/"transport":"pilot"/)
  assert.match(agent.stderr(), /"code":"not_found","message":"pilotctl: cannot find \\"nobody\\""/)
  agent.child.kill('SIGTERM')
  assert.is((await agent.ended).code, 0)
})

test('pilotctl: fails for an unknown peer, and waits for a daemon that is down', async () => {
  const three = pilot(3)
  const unknown = await inProcess(['run', ...three.args, '--peer', 'nobody'], { env: three.env })
  assert.equal([unknown.code, unknown.stdout], [1, ''])
  assert.is(
    unknown.stderr,
    'pilot-gossip: pilotctl: cannot find "nobody"\nhint: check the name or address; a private node must trust this one first: pilotctl handshake PEER\n',
  )
  fake.set('down-3', true)
  const doctor = await inProcess(['doctor', ...three.args], { env: three.env })
  assert.equal([doctor.code, doctor.stderr], [1, ''])
  assert.match(
    doctor.stdout,
    /\nPROBLEM +daemon +pilotctl: daemon is not running\n +start the daemon with: pilotctl daemon start\nwarning +inbox /,
  )
  const other = await inProcess(['doctor', ...three.args, '--pilotctl', '/bin/false'], {
    env: three.env,
  })
  assert.is(other.code, 1)
  assert.match(
    other.stdout,
    /\nPROBLEM +pilotctl +"\/bin\/false" prints no version: is it pilotctl\?\n/,
  )
})

test.run()
