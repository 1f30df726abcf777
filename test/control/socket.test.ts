/**
 * The socket of an agent whose data folder has a long path: commands find it whatever their TMPDIR
 * is, and skip a TMPDIR that is itself too long.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import * as assert from 'uvu/assert'
import { ControlClient } from '../../src/control/client.ts'
import { socketPath } from '../../src/control/folder.ts'
import { ControlServer } from '../../src/control/server.ts'
import { homeEnv, runCli, startCli } from '../helpers/cli.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('control socket')

const NOTE = 'agent.sock.path'

/** Runs with these variables in the environment. */
const withEnv = async <T>(env: NodeJS.ProcessEnv, run: () => Promise<T>): Promise<T> => {
  const before = { ...process.env }
  Object.assign(process.env, env)
  try {
    return await run()
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
    Object.assign(process.env, before)
  }
}

const handle = (): { ok: boolean } => ({ ok: true })

/** A data folder with a path too long for a socket. */
const longFolder = (root: string): string => {
  const dir = join(root, 'x'.repeat(110))
  mkdirSync(dir, { recursive: true })
  return dir
}

const temporary = (root: string, name: string): NodeJS.ProcessEnv => {
  const dir = join(root, name)
  mkdirSync(dir, { recursive: true })
  return { TMPDIR: dir }
}

const isFound = (dir: string): Promise<boolean> => new ControlClient(dir).isRunning()

test('socket: found under another TMPDIR, and leaves no note when the agent stops', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    const [one, two] = [temporary(root, 'one'), temporary(root, 'two')]
    const server = new ControlServer({ dir, handle })
    await withEnv(one, () => server.open())
    await withEnv(two, async () => {
      assert.ok(await isFound(dir))
      assert.equal(await new ControlClient(dir).ask({ command: 'list' }), { ok: true })
      await rejects(() => new ControlServer({ dir, handle }).open(), /^already_exists/)
      assert.ok(await isFound(dir))
      await server.close()
      assert.not.ok(await isFound(dir))
    })
    assert.not.ok(existsSync(join(dir, NOTE)))
  }))

test('socket: a short path needs no note, and removes an earlier one', () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, NOTE), '/nowhere/agent.sock\n')
    const server = new ControlServer({ dir, handle })
    await server.open()
    assert.not.ok(existsSync(join(dir, NOTE)))
    assert.ok(await isFound(dir))
    await server.close()
  }))

test('socket: a stale, torn or garbled note is ignored', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    const env = temporary(root, 'tmp')
    await withEnv(env, async () => {
      for (const text of [
        '',
        'garbage',
        '/nowhere/x.sock',
        `${dir}/gone.sock`,
        'a/b',
        '\0\n',
        'x'.repeat(5000),
      ]) {
        writeFileSync(join(dir, NOTE), text)
        assert.not.ok(await isFound(dir), text.slice(0, 40))
        const server = new ControlServer({ dir, handle })
        await server.open()
        assert.ok(await isFound(dir), text.slice(0, 40))
        // A note that another agent has written meanwhile stays.
        await server.close()
      }
    })
  }))

test('socket: an older agent that leaves no note is found', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    await withEnv(temporary(root, 'tmp'), async () => {
      const server = new ControlServer({ dir, handle })
      await server.open()
      rmSync(join(dir, NOTE))
      assert.ok(await isFound(dir))
      await server.close()
    })
  }))

test('socket: a data folder that was moved is found by its current path', () =>
  inFolder(async (root) => {
    const long = longFolder(root)
    await withEnv(temporary(root, 'tmp'), async () => {
      const server = new ControlServer({ dir: long, handle })
      await server.open()
      const short = join(root, 'short')
      renameSync(long, short)
      assert.ok(await isFound(short))
      renameSync(short, long)
      await server.close()
    })
  }))

test('socket: skips a TMPDIR that is too long, or not private', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    const runtime = join(root, 'run')
    mkdirSync(runtime)
    const long = { ...temporary(root, 'y'.repeat(100)), XDG_RUNTIME_DIR: runtime }
    const open = { ...temporary(root, 'open'), XDG_RUNTIME_DIR: runtime }
    await withEnv(open, async () => {
      const path = await socketPath(dir)
      assert.ok(path.startsWith(join(root, 'open')), path)
      chmodSync(dirname(path), 0o755)
    })
    for (const env of [long, open]) {
      const server = new ControlServer({ dir, handle })
      await withEnv(env, () => server.open())
      const path = readFileSync(join(dir, NOTE), 'utf8').trim()
      assert.ok(path.startsWith(runtime), path)
      await withEnv(temporary(root, 'two'), async () => assert.ok(await isFound(dir)))
      await server.close()
    }
  }))

test('socket: lies in /tmp if TMPDIR is too long and there is no other', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    const env = { ...temporary(root, 'y'.repeat(100)), XDG_RUNTIME_DIR: '' }
    const server = new ControlServer({ dir, handle })
    await withEnv(env, () => server.open())
    assert.match(
      readFileSync(join(dir, NOTE), 'utf8'),
      /^\/tmp\/pilot-gossip-\d+\/[0-9a-f]{16}\.sock\n$/,
    )
    assert.ok(await isFound(dir))
    await server.close()
  }))

test('socket: run, status and stop find each other under different TMPDIRs', () =>
  inFolder(async (root) => {
    const dir = longFolder(root)
    const env = (name: string): NodeJS.ProcessEnv => homeEnv(root, temporary(root, name))
    const args = ['--swarm', 'kv', '--mailbox', join(root, 'mail'), '--data', dir, '--json']
    const agent = startCli(['run', ...args], env('one'))
    try {
      await agent.shows(/\n/)
      const status = await runCli(['status', '--data', dir, '--json'], env('two'))
      assert.is(status.code, 0, status.stderr)
      const second = await runCli(['run', ...args], env('two'))
      assert.match(second.stderr, /already_exists/)
      const stop = await runCli(['stop', '--data', dir], env('two'))
      assert.is(stop.code, 0, stop.stderr)
      assert.is((await agent.ended).code, 0)
    } finally {
      agent.child.kill('SIGKILL')
    }
  }))

test.run()
