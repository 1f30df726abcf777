/**
 * An agent whose data folder was removed, moved or replaced: `run` ends with an error, `onGone` is
 * called in a program, and nothing is written into the new folder.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Problem } from '../../src/agent/agent.ts'
import { ControlClient } from '../../src/control/client.ts'
import { ControlServer } from '../../src/control/server.ts'
import { openMap } from '../../src/open-map.ts'
import { FolderWatch } from '../../src/store/folder-watch.ts'
import { agentIn } from '../helpers/agent.ts'
import { inFolder } from '../helpers/folder.ts'
import { createHome } from '../helpers/home.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('folder gone')

const { dir: home, folder, startAgent, start, tell, close } = createHome()
test.after(close)

const runArgs = (name: string): string[] => [
  ...['run', '--swarm', 'kv', '--mailbox', join(home, `mail-${name}`)],
  ...['--name', 'a', '--data', folder(name)],
]

const GONE =
  /^pilot-gossip: the data folder ".*" was removed, moved or replaced, so the agent ends/m

const ends: Readonly<Record<string, (dir: string) => void>> = {
  removed: (dir) => rmSync(dir, { recursive: true }),
  moved: (dir) => renameSync(dir, `${dir}-moved`),
  'replaced by an empty folder': (dir) => {
    rmSync(dir, { recursive: true })
    mkdirSync(dir)
  },
}

for (const [how, end] of Object.entries(ends)) {
  test(`run ends with exit code 1 when its data folder is ${how}`, async () => {
    const name = how.replaceAll(' ', '-')
    const agent = start(runArgs(name))
    await agent.shows(/Ctrl-C stops the agent/)
    assert.is((await tell(name, 'set', 'k', '1')).code, 0)
    end(folder(name))
    const { code, stderr } = await agent.ended
    assert.is(code, 1)
    assert.match(stderr, GONE)
    // The new content of the place is unchanged.
    if (existsSync(folder(name))) assert.equal(readdirSync(folder(name)), [])
  })
}

test('leaves the folder of another agent at the same place alone, and its socket', async () => {
  const old = start(runArgs('taken'))
  await old.shows(/Ctrl-C stops the agent/)
  await tell('taken', 'set', 'k', '"old"')
  renameSync(folder('taken'), folder('away'))
  const args = runArgs('taken').map((arg) => (arg.includes('mail-') ? `${arg}-2` : arg))
  const next = await startAgent(args)
  await tell('taken', 'set', 'k', '"new"')
  const before = readFileSync(join(folder('taken'), 'writer.json'), 'utf8')
  const { code, stderr } = await old.ended
  assert.is(code, 1)
  assert.match(stderr, GONE)
  assert.is(readFileSync(join(folder('taken'), 'writer.json'), 'utf8'), before)
  const get = await tell('taken', 'get', 'k')
  assert.is(get.stdout.trim(), 'new', get.stderr)
  next.child.kill('SIGTERM')
  assert.is((await next.ended).code, 0)
})

test('calls onGone once, and does not acknowledge later writes', () =>
  inFolder(async (root) => {
    const problems: Problem[] = []
    const data = join(root, 'data')
    const map = await openMap({
      swarm: 'kv',
      mailbox: join(root, 'mail'),
      name: 'a',
      data,
      onProblem: (problem) => problems.push(problem),
    })
    map.set('k', 1)
    await map.flushed()
    rmSync(data, { recursive: true })
    const reported = (): Problem[] =>
      problems.filter(
        (problem) =>
          problem.type === 'store' &&
          /was removed, moved or replaced/.test(problem.failure.message),
      )
    await until('it is reported', () => reported().length > 0)
    assert.is(reported().length, 1)
    await rejects(() => map.flushed(), /^not_found .*was removed, moved or replaced/)
    map.set('l', 2)
    await rejects(() => map.flushed(), /^not_found/)
    assert.is(map.get('l'), 2)
    await map.close()
    assert.not.ok(existsSync(data))
  }))

test('creates a removed mailbox folder again, and goes on', () =>
  inFolder(async (root) => {
    const problems: Problem[] = []
    const [a, b] = [agentIn(root, 'a', problems), agentIn(root, 'b')]
    await a.start()
    await b.start()
    rmSync(join(root, 'mail'), { recursive: true })
    await until('it is reported', () =>
      problems.some(
        (problem) =>
          problem.type === 'transport' &&
          /was removed and is created again/.test(problem.failure.message),
      ),
    )
    a.doc.getMap('state').set('k', 1)
    await a.flushed()
    await until('b has it', () => b.doc.getMap('state').get('k') === 1)
    await a.stop()
    await b.stop()
  }))

test('does not remove a socket that another agent created at the same place', () =>
  inFolder(async (root) => {
    const dir = join(root, 'data')
    const handle = (): { ok: boolean } => ({ ok: true })
    const first = new ControlServer({ dir, handle })
    await first.open()
    renameSync(dir, join(root, 'away'))
    const second = new ControlServer({ dir, handle })
    await second.open()
    await first.close()
    assert.ok(await new ControlClient(dir).isRunning())
    await second.close()
    assert.not.ok(await new ControlClient(dir).isRunning())
    assert.equal(readdirSync(dir), [])
  }))

test('goes on if the system refuses access for a while', async () => {
  const reported: string[] = []
  let looks = 0
  const { Failure } = await import('../../src/errors.ts')
  const check = async (): Promise<void> => {
    looks++
    if (looks < 4) throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
    throw new Failure('not_found', 'gone')
  }
  const watch = new FolderWatch(check, ({ message }) => reported.push(message), 5)
  await until('it is reported', () => reported.length > 0)
  assert.equal([reported, looks], [['gone'], 4])
  watch.stop()
})

test.run()
