/**
 * The life of an agent's process: into the background and to its end, by `stop`, by signals and by
 * force; on a folder that is taken, on a full disk, and without permission to write.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Agent } from '../../src/agent/agent.ts'
import { detach } from '../../src/cli/detach.ts'
import { processIo } from '../../src/cli/io.ts'
import { boundLog, MAX_LOG_BYTES, openLog, stampLines } from '../../src/cli/log-file.ts'
import { removePid, writePid } from '../../src/cli/pid-file.ts'
import { planRun, type RunOptions } from '../../src/cli/run-plan.ts'
import { mailboxName } from '../../src/cli/transport-mailbox.ts'
import { ControlClient } from '../../src/control/client.ts'
import { isAlive as isOwnerAlive } from '../../src/fs/lock.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import { FAKE, type FakeSwarm, fakeSwarm } from '../fixtures/pilot/fake.ts'
import { BIN, dataOf, failureOf, inProcess, ROOT, runCli, type Started } from '../helpers/cli.ts'
import { createHome } from '../helpers/home.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli run')

const { env, folder, signsOf, start, startAgent, tell, close } = createHome()
/** Detached agents, which are not children of this process. */
const detached: number[] = []
let fake: FakeSwarm

/** Options of an agent on the data folder of that name, in a mailbox of that name. */
const agentArgs = (name: string, mailbox = `mail-${name}`): string[] => [
  'run',
  ...['--swarm', 'kv', '--mailbox', folder(mailbox), '--data', folder(name)],
]

/** Starts a detached agent and returns its report. The command runs in this process. */
const startDetached = async (args: readonly string[]): Promise<Record<string, unknown>> => {
  const report = dataOf(await inProcess([...args, '--detach', '--json'], { env }))
  detached.push(report.pid as number)
  return report
}

const isAlive = (pid: number): boolean => isOwnerAlive({ pid, start: '' })

const goneFor = (pid: number) => until(`process ${pid} to be gone`, () => !isAlive(pid))

const logOf = (name: string): string => readFileSync(join(folder(name), 'agent.log'), 'utf8')

const SIGNS = ['agent.lock', 'agent.pid', 'agent.sock', 'lock']

/** Options and environment of an agent over the fake pilotctl. */
const pilot = (id: number, fields = {}) => {
  const data = folder(`pilot${id}`)
  return {
    env: { ...env, ...fake.node(id, fields).env },
    args: ['run', '--swarm', 'kv', '--pilotctl', FAKE, '--data', data],
  }
}

/** Options of an agent on the data folder of that name whose start takes long: its pilotctl does not answer. */
const endless = (name: string) => {
  const pilotctl = folder('silent-pilotctl')
  writeFileSync(pilotctl, '#!/bin/sh\nexec sleep 600\n', { mode: 0o755 })
  return { swarm: 'kv', pilotctl, data: folder(name) }
}

const endlessArgs = (name: string): string[] => [
  'run',
  ...Object.entries(endless(name)).map(([option, value]) => `--${option}=${value}`),
]

/** The process that holds the agent's folder. */
const ownerOf = (name: string): number =>
  JSON.parse(readFileSync(join(folder(name), 'agent.lock'), 'utf8')).pid

const isStarting = (name: string) =>
  until(`${name} to open its socket`, () => new ControlClient(folder(name)).isRunning())

test.before(() => {
  fake = fakeSwarm()
})

test.after(async () => {
  for (const pid of detached.filter(isAlive)) process.kill(pid, 'SIGKILL')
  await close()
  fake.close()
})

/** A detached agent has a session, a folder and streams of its own. Not checked on systems without /proc. */
const checkDetached = (name: string, pid: number): void => {
  if (!existsSync('/proc/self/stat')) return
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const [, , , session, terminal] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  assert.equal([session, terminal], [String(pid), '0'])
  const links = ['cwd', 'fd/0', 'fd/1', 'fd/2'].map((link) => readlinkSync(`/proc/${pid}/${link}`))
  const log = join(folder(name), 'agent.log')
  assert.equal(links, [folder(name), '/dev/null', log, log])
}

test('--detach: returns with the report when the agent answers; stop returns when it is gone', async () => {
  const report = await startDetached(agentArgs('a'))
  const pid = report.pid as number
  assert.equal(Object.keys(report), [
    'swarm',
    'node',
    'transport',
    'mailbox',
    'data',
    'peers',
    'isSealed',
    'accept',
    'pid',
    'log',
  ])
  assert.equal([report.swarm, report.data], ['kv', folder('a')])
  assert.is((await tell('a', 'set', 'k', '1')).code, 0)
  assert.equal(signsOf('a'), SIGNS)
  assert.is(readFileSync(join(folder('a'), 'agent.pid'), 'utf8'), `${pid}\n`)
  assert.is(statSync(report.log as string).mode & 0o777, 0o600)
  assert.match(logOf('a'), new RegExp(`^20\\S+Z started: ${report.node} .*, process ${pid}\n$`))
  checkDetached('a', pid)
  const stopped = dataOf(await tell('a', 'stop', '--json'))
  assert.equal(stopped, { data: folder('a'), pid, stopped: true })
  assert.not(isAlive(pid))
  assert.equal(signsOf('a'), [])
  assert.match(logOf('a'), /Z stopped\n$/)
  const again = await tell('a', 'stop', '--json')
  assert.is(again.code, 1)
  assert.is(failureOf(again).code, 'not_running')
})

test('--detach: prints what to try and how to stop it', async () => {
  const { code, stdout, stderr } = await runCli([...agentArgs('a2'), '--detach'], env)
  assert.equal([code, stderr], [0, ''])
  detached.push(Number(/^process {2}(\d+)$/m.exec(stdout)?.[1]))
  assert.match(stdout, `\nlog      ${join(folder('a2'), 'agent.log')}\n`)
  assert.match(stdout, `\nStop it with: pilot-gossip stop --data ${folder('a2')}\n`)
  assert.equal(await tell('a2', 'stop'), {
    code: 0,
    stdout: `stopped the agent on ${folder('a2')}\n`,
    stderr: '',
  })
})

test('planRun: a plan is JSON, and the same in any working folder', () => {
  const plan = (options: RunOptions) => planRun(options, { HOME: '/home/ann' })
  const here = process.cwd()
  const many = { peer: ['a', '-b'], fanout: '2', interval: '1.5s', ws: '0', room: ['r'] }
  const one = plan({ swarm: 'kv', mailbox: 'm', data: 'd', ...many })
  assert.equal(JSON.parse(JSON.stringify(one)), one)
  assert.equal(
    [one.dir, one.transport],
    [`${here}/d`, { kind: 'mailbox', dir: `${here}/m`, name: mailboxName(`${here}/d`) }],
  )
  assert.equal(plan({ swarm: 'kv', pilotctl: './pilotctl', network: '7' }).transport, {
    kind: 'pilot',
    pilotctl: `${here}/pilotctl`,
    network: 7,
  })
  const { transport } = plan({ swarm: 'kv', pilotctl: 'pilotctl' })
  assert.equal(transport, { kind: 'pilot', pilotctl: 'pilotctl' })
})

test('--detach: fails like the agent, and leaves nothing behind', async () => {
  const lonely = pilot(1)
  const cases: readonly (readonly [string, string[], NodeJS.ProcessEnv, number, string])[] = [
    ['pilot1', [...lonely.args, '--peer', 'nobody'], lonely.env, 1, 'not_found'],
    ['bad', [...agentArgs('bad'), '--name', 'a/b'], env, 2, 'invalid_argument'],
  ]
  for (const [name, args, its, code, reason] of cases) {
    const detached = await inProcess([...args, '--detach', '--json'], { env: its })
    assert.is(detached.code, code, detached.stderr)
    assert.is(failureOf(detached).code, reason)
    assert.equal(signsOf(name), [])
    const inFront = await inProcess([...args, '--json'], { env: its })
    assert.equal(inFront, detached)
    assert.match(logOf(name), `Z ${failureOf(detached).message} (${failureOf(detached).hint})\n`)
  }
})

test('--detach: unusable options start nothing', async () => {
  const args = [...agentArgs('never'), '--detach', '--interval', '1']
  const ended = await inProcess(args, { env })
  assert.is(ended.code, 2)
  assert.not(existsSync(folder('never')))
})

test('--detach: the failure names a folder that cannot be made', async () => {
  writeFileSync(folder('file'), '')
  const { code, stderr } = await inProcess([...agentArgs('file'), '--detach', '--json'], { env })
  assert.is(code, 1)
  const { message, hint } = JSON.parse(stderr)
  assert.match(message, `the data folder "${folder('file')}" cannot be used: `)
  assert.is(hint, 'a file is where a folder should be: give another path')
})

test('--detach: a command that is killed takes its starting agent with it', async () => {
  const command = start([...endlessArgs('killed'), '--detach'])
  await isStarting('killed')
  const pid = ownerOf('killed')
  detached.push(pid)
  command.child.kill('SIGKILL')
  await goneFor(pid)
  assert.equal(signsOf('killed'), [])
  assert.match(logOf('killed'), /^\S+Z stopped\n$/) // and not because its pilotctl is silent
})

test('--detach: reports an agent that is killed during its start', async () => {
  const command = start([...endlessArgs('dead'), '--detach', '--json'])
  await isStarting('dead')
  process.kill(ownerOf('dead'), 'SIGKILL')
  const ended = await command.ended
  assert.is(ended.code, 1)
  assert.equal(failureOf(ended), {
    status: 'error',
    code: 'internal',
    message: 'the agent ended before it was ready (SIGKILL)',
    hint: `read its log: ${join(folder('dead'), 'agent.log')}`,
  })
})

test('--detach: ends a start that takes too long', async () => {
  const context = { io: processIo(), isJson: true }
  const plan = planRun(endless('late'), env)
  const failure = await rejects(() => detach(context, plan, { startMs: 1_000 }), /^timeout/)
  assert.is(failure.message, `the agent on "${folder('late')}" did not start within 1 s`)
  assert.equal(signsOf('late'), [])
})

test('stop: ends an agent that is still starting', async () => {
  const agent = start(endlessArgs('early'))
  await isStarting('early')
  assert.is((await tell('early', 'stop', '--swarm', 'kv')).code, 0)
  assert.equal(await agent.ended, { code: 0, stdout: '', stderr: '' })
  assert.equal(signsOf('early'), [])
})

test('stop: gives up on an agent that hangs, and names its process', async () => {
  const agent = await startAgent(agentArgs('hung'))
  assert.is((await tell('hung', 'stop', '--swarm', 'other')).code, 2)
  agent.child.kill('SIGSTOP')
  const late = await tell('hung', 'stop', '--timeout', '200ms', '--json')
  agent.child.kill('SIGCONT')
  assert.is(late.code, 1)
  const { code, message } = failureOf(late)
  assert.is(code, 'timeout')
  assert.is(
    message,
    `the agent on "${folder('hung')}" (process ${agent.child.pid}) did not stop within 0.2 s`,
  )
  // It has the request, and stops as soon as it can.
  assert.is((await agent.ended).code, 0)
  assert.is((await tell('hung', 'stop', '--timeout', 'soon')).code, 2)
})

/** Two agents that know each other, with rounds too far apart to matter. */
const startPair = async (mailbox: string, one: string, two: string) => {
  const agents: Started[] = []
  for (const name of [one, two]) {
    agents.push(await startAgent([...agentArgs(name, mailbox), '--interval', '1h']))
  }
  for (const name of [one, two]) {
    await until(`${name} to know its peer`, async () => {
      const { peers } = dataOf(await tell(name, 'status', '--json'))
      return (peers as { lastHeard: string | null }[]).some(({ lastHeard }) => lastHeard !== null)
    })
  }
  return agents as [Started, Started]
}

test('SIGTERM: the last acknowledged write is at the peer, and on disk', async () => {
  const [one, two] = await startPair('mail-term', 'term1', 'term2')
  assert.is((await tell('term1', 'set', 'last', 'words')).code, 0)
  one.child.kill('SIGTERM')
  assert.equal([(await one.ended).code, (await one.ended).stderr], [0, ''])
  assert.equal(signsOf('term1'), [])
  await until(
    'the peer to have it',
    async () => (await tell('term2', 'get', 'last')).stdout === 'words\n',
  )
  two.child.kill('SIGINT')
  assert.is((await two.ended).code, 0)
  const again = await startAgent(agentArgs('term1', 'mail-term'))
  assert.is((await tell('term1', 'get', 'last')).stdout, 'words\n')
  again.child.kill()
  await again.ended
})

test('run: a second signal ends it at once', async () => {
  const agent = await startAgent(agentArgs('twice'))
  // Both signals wait until it continues, so the second arrives in the middle of the stop.
  for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT'] as const) {
    agent.child.kill(signal)
  }
  const { code } = await agent.ended
  assert.ok(code === 128 + 2 || code === 128 + 15, `ended with ${code}`)
  assert.ok(signsOf('twice').includes('lock'), 'it stopped in good order')
})

test('agent.pid: a stale one is ignored and replaced', async () => {
  const agent = await startAgent(agentArgs('stale'))
  agent.child.kill('SIGKILL')
  await agent.ended
  assert.equal(signsOf('stale'), SIGNS)
  const innocent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  writeFileSync(join(folder('stale'), 'agent.pid'), `${innocent.pid}\n`)
  const stop = await tell('stale', 'stop', '--json')
  assert.equal([stop.code, failureOf(stop).code], [1, 'not_running'])
  const again = await startAgent(agentArgs('stale'))
  assert.is(readFileSync(join(folder('stale'), 'agent.pid'), 'utf8'), `${again.child.pid}\n`)
  assert.is((await tell('stale', 'stop')).code, 0)
  assert.is(innocent.exitCode ?? innocent.signalCode, null)
  innocent.kill()
})

test('agent.pid: one of another process is left alone', async () => {
  mkdirSync(folder('pid'))
  const path = join(folder('pid'), 'agent.pid')
  await removePid(folder('pid'))
  await writePid(folder('pid'))
  assert.equal(readdirSync(folder('pid')), ['agent.pid'])
  writeFileSync(path, '1\n')
  await removePid(folder('pid'))
  assert.is(readFileSync(path, 'utf8'), '1\n')
  await rejects(() => writePid(folder('no such folder')), /^not_found cannot write ".*agent\.pid"/)
})

test('run: a second agent on a folder learns which process has it', async () => {
  const agent = await startAgent(agentArgs('mine'))
  const dir = folder('mine')
  for (const more of [[], ['--detach']]) {
    assert.equal(await inProcess([...agentArgs('mine'), ...more], { env }), {
      code: 1,
      stdout: '',
      stderr: `pilot-gossip: an agent runs on "${dir}" already: process ${agent.child.pid}
hint: stop it with: pilot-gossip stop --data ${dir}; or give this one another folder with --data DIR
`,
    })
  }
  assert.is((await tell('mine', 'status')).code, 0)
  assert.is((await tell('mine', 'stop')).code, 0)
})

test("run: a folder in use by a program's agent, without a socket, is refused", async () => {
  const dir = folder('program')
  const transport = new MailboxTransport({ dir: folder('mail-program'), address: 'program' })
  const agent = new Agent({ swarm: 'kv', transport, data: dataFolder(dir) })
  await agent.start()
  assert.equal(await runCli(agentArgs('program'), env), {
    code: 1,
    stdout: '',
    stderr: `pilot-gossip: "${dir}" is in use already: by process ${process.pid}
hint: end that program, or give this agent another folder with --data DIR
`,
  })
  await agent.stop()
})

test('agent.log: set aside when it is too long', async () => {
  const dir = folder('log')
  const path = join(dir, 'agent.log')
  mkdirSync(dir)
  const old = 'old\n'.repeat(MAX_LOG_BYTES / 4 + 1)
  writeFileSync(path, old)
  const log = await openLog(dir)
  assert.is(readFileSync(`${path}.1`, 'utf8'), old)
  await log.write('new\n')
  assert.is(readFileSync(path, 'utf8'), 'new\n')
  await boundLog(dir)
  assert.is(readFileSync(path, 'utf8'), 'new\n')
  await log.write(old)
  await boundLog(dir)
  await log.write('newest\n')
  assert.is(readFileSync(path, 'utf8'), 'newest\n')
  assert.is(readFileSync(`${path}.1`, 'utf8'), `new\n${old}`)
  await log.close()
  const time = new Date(0)
  assert.is(
    stampLines('one\ntwo\n', time),
    '1970-01-01T00:00:00.000Z one\n1970-01-01T00:00:00.000Z two\n',
  )
})

test('agent.log: receives the troubles of a detached agent', async () => {
  await startDetached([...agentArgs('troubled'), '--peer', 'ghost', '--interval', '100ms'])
  await until('a line about the ghost', () =>
    /Z could not send to ghost: no agent has opened "ghost"/.test(logOf('troubled')),
  )
  assert.is((await tell('troubled', 'stop')).code, 0)
})

const hasProgram = (name: string): boolean => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false // not installed: the test says so
  }
}

/** A program that cannot write to any file until there is space. */
const onFullDisk = (args: readonly string[]) => {
  const child = spawn('prlimit', ['--fsize=0:', ...args], { cwd: ROOT, env })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].on('data', (chunk) => {
      printed[name] += chunk
    })
  }
  const makeRoom = (): void => {
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:'])
  }
  return { child, printed, makeRoom }
}

const FULL_SCRIPT = 'openMap: reports a full disk, and waits for space'
const FULL_START = 'run: reports a full disk at the start, and waits for space'
if (hasProgram('prlimit')) {
  test(FULL_START, async () => {
    const dir = folder('full-start')
    const args = [process.execPath, '--import', 'tsx', BIN, ...agentArgs('full-start')]
    const { child, printed, makeRoom } = onFullDisk(args)
    await until('what it waits for', () => /pilot-gossip: .*\n/.test(printed.stderr))
    assert.is(printed.stdout, '')
    assert.is(child.exitCode, null)
    makeRoom()
    await until('the agent', () => printed.stdout.includes('Ctrl-C'))
    assert.is((await inProcess(['set', 'k', '1', '--data', dir], { env })).code, 0)
    child.kill('SIGTERM')
    await until('its end', () => child.exitCode !== null)
    assert.is(child.exitCode, 0)
  })
  test(FULL_SCRIPT, async () => {
    const [dir, mailbox] = [folder('full-script'), folder('full-script-mailbox')]
    const code = `import { openMap } from ${JSON.stringify(join(ROOT, 'src', 'index.ts'))}
      const map = await openMap({ swarm: 'kv', mailbox: ${JSON.stringify(mailbox)}, name: 'script',
        data: ${JSON.stringify(dir)}, onProblem: (problem) => console.error(problem.failure?.code) })
      map.set('k', 1)
      await map.flushed()
      console.log(map.get('k'))
      await map.close()`
    const args = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', code]
    const { child, printed, makeRoom } = onFullDisk(args)
    await until('what it waits for', () => printed.stderr.includes('disk_full\n'))
    assert.is(printed.stdout, '')
    makeRoom()
    await until('its end', () => child.exitCode !== null)
    assert.is(printed.stdout, '1\n')
  })
} else {
  test.skip(FULL_START, 'prlimit (util-linux) is not installed')
  test.skip(FULL_SCRIPT, 'prlimit (util-linux) is not installed')
}

const FULL = 'run: a full disk is reported; reads continue, and writes once there is space'
if (hasProgram('prlimit')) {
  // A limit on the size of files refuses what a full disk refuses, after writing a part of it.
  test(FULL, async () => {
    const [agent, peer] = await startPair('mail-full', 'full', 'full-peer')
    const limit = (bytes: string): void => {
      execFileSync('prlimit', ['--pid', String(agent.child.pid), `--fsize=${bytes}:`])
    }
    await tell('full', 'set', 'before', '1')
    limit('4096')
    const long = 'x'.repeat(10_000)
    for (const [key, value] of [
      ['long', long],
      ['short', '1'],
    ] as const) {
      const refused = await tell('full', 'set', key, value, '--json')
      assert.is(refused.code, 1)
      const { code, message, hint } = failureOf(refused)
      assert.is(code, 'disk_full')
      assert.match(
        message as string,
        `cannot write to the store in "${join(folder('full'), 'log')}"`,
      )
      assert.match(hint as string, /writing then works again by itself/)
    }
    assert.is((await tell('full', 'get', 'before')).stdout, '1\n')
    assert.is((await tell('full', 'list')).code, 0)
    assert.is((await tell('full-peer', 'get', 'short')).code, 1)
    limit('unlimited')
    assert.equal(await tell('full', 'set', 'after', '1'), {
      code: 0,
      stdout: 'after = 1\n',
      stderr: '',
    })
    await until('the peer to have all', async () => {
      const { entries } = dataOf(await tell('full-peer', 'list', '--json'))
      return Object.keys(entries as object).length === 4
    })
    agent.child.kill('SIGKILL')
    await agent.ended
    const again = await startAgent(agentArgs('full', 'mail-alone'))
    const { entries } = dataOf(await tell('full', 'list', '--json'))
    assert.equal(entries, { after: 1, before: 1, long, short: 1 })
    for (const { child } of [again, peer]) child.kill()
    assert.equal([(await again.ended).code, (await again.ended).stderr], [0, ''])
  })
} else {
  test.skip(FULL, 'prlimit (util-linux) is not installed')
}

/** How to start a process to which file modes apply: root ignores them unless it gives that up. */
const withoutRoot = (): readonly string[] | undefined => {
  if (process.getuid?.() !== 0) return []
  return hasProgram('setpriv')
    ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search']
    : undefined
}

const READ_ONLY =
  'run: a read-only folder is reported; reads continue, and writes once it is writable'
const prefix = withoutRoot()
if (prefix) {
  test(READ_ONLY, async () => {
    const first = await startAgent(agentArgs('fixed'))
    await tell('fixed', 'set', 'before', '1')
    first.child.kill()
    await first.ended
    const [program = process.execPath, ...args] = [...prefix, process.execPath]
    const agent = spawn(program, [...args, '--import', 'tsx', BIN, ...agentArgs('fixed')], { env })
    detached.push(agent.pid as number)
    await isStarting('fixed')
    await tell('fixed', 'status') // waits for its start
    const log = join(folder('fixed'), 'log')
    const files = readdirSync(log).map((name) => join(log, name))
    const allow = (mayWrite: boolean): void => {
      for (const file of files) chmodSync(file, mayWrite ? 0o600 : 0o400)
      for (const dir of [log, folder('fixed')]) chmodSync(dir, mayWrite ? 0o700 : 0o500)
    }
    allow(false)
    const refused = await tell('fixed', 'set', 'during', '1', '--json')
    assert.is(refused.code, 1)
    const { code, message } = failureOf(refused)
    assert.is(code, 'permission_denied')
    assert.match(message as string, `cannot write to the store in "${log}"`)
    assert.is((await tell('fixed', 'get', 'before')).stdout, '1\n')
    allow(true)
    assert.is((await tell('fixed', 'set', 'after', '1')).code, 0)
    agent.kill('SIGKILL')
    await once(agent, 'close')
    const again = await startAgent(agentArgs('fixed'))
    assert.equal(dataOf(await tell('fixed', 'list', '--json')).entries, {
      after: 1,
      before: 1,
      during: 1,
    })
    again.child.kill()
    assert.is((await again.ended).code, 0)
  })
} else {
  test.skip(
    READ_ONLY,
    'runs as root, to which file modes do not apply, and setpriv (util-linux) is missing',
  )
}

test.run()
