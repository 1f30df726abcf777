/** The Python client: its own tests, against a running agent, as pip installs it. */
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { closeAll, serve } from '../helpers/control.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const run = promisify(execFile)
const test = suite('python client')

const SOURCE = fileURLToPath(new URL('../../clients/python/', import.meta.url))
/** Milliseconds: pip downloads its build tool, perhaps over a slow line. */
const PIP_TIMEOUT = 120_000

const python = spawnSync('python3', ['-m', 'pip', '--version']).status === 0
const temporary = temporaryFolder()
const installed = join(temporary.dir, 'installed')

test.after(async () => {
  await closeAll()
  temporary.remove()
})

/** Runs its tests with the package from that folder. */
const runTests = async (packages: string, data: string, env: NodeJS.ProcessEnv = {}) => {
  const { stderr } = await run('python3', ['-m', 'unittest', '-v', 'test_client'], {
    cwd: join(SOURCE, 'tests'),
    env: {
      ...process.env,
      PYTHONPATH: packages,
      PYTHONDONTWRITEBYTECODE: '1',
      PILOT_GOSSIP_DATA: data,
      ...env,
    },
  })
  return stderr // unittest reports there
}

if (python) {
  test('python client: passes its own tests when pip has installed it', async () => {
    // A copy, because pip leaves build files in the source folder.
    const source = join(temporary.dir, 'source')
    cpSync(SOURCE, source, { recursive: true })
    const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', installed, source]
    await run('python3', args, { timeout: PIP_TIMEOUT })
    assert.ok(existsSync(join(installed, 'pilot_gossip', 'py.typed')), 'its types are not shipped')
    const { dir } = await serve(temporary.dir, { name: 'a' })
    const output = await runTests(installed, dir)
    assert.match(output, /Ran 1\d tests/)
    assert.match(output, /\nOK\n/)
  })

  test('python client: finds an agent whose folder has too long a path for a socket', async () => {
    const deep = join(temporary.dir, ...Array.from({ length: 6 }, (_, i) => `${i}`.repeat(30)))
    mkdirSync(deep, { recursive: true })
    const { dir } = await serve(deep, { name: 'b' })
    const output = await runTests(join(SOURCE, 'src'), dir, { TMPDIR: temporary.dir })
    assert.match(output, /\nOK\n/)
  })

  test('python client: finds the agent of a swarm by its name alone', async () => {
    const state = join(temporary.dir, 'state')
    await serve(join(state, 'pilot-gossip'), { name: 'kv' })
    const code =
      'import pilot_gossip; print(pilot_gossip.connect("kv").map().increment("n"), end="")'
    const { stdout } = await run('python3', ['-c', code], {
      env: { ...process.env, PYTHONPATH: join(SOURCE, 'src'), XDG_STATE_HOME: state },
    })
    assert.is(stdout, '1')
  })
} else {
  test('python client: skipped without python3 and pip', () => {
    process.stdout.write('no python3 with pip: the Python client was not tested\n')
  })
}

test.run()
