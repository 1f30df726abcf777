/** The program `pilot-gossip` as it is installed: what node has to load for a command. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { inFolder } from '../helpers/folder.ts'
import { installPackage, type Project } from '../helpers/package.ts'
import { suite } from '../helpers/suite.ts'

/**
 * Bytes of source that a command may load. Node reads and scans all of it: 100 kB are some 2 ms of
 * the 40 ms that it needs itself.
 */
const MAX_BYTES = 110_000

const test = suite('package: command')
let project: Project

test.before(async () => {
  project = await installPackage()
})

test.after(() => project?.remove())

interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** The scripts that were evaluated, below the package or of another one, without those of node. */
  readonly scripts: readonly string[]
  readonly bytes: number
}

/** The program that a package manager links, with the coverage that V8 keeps of all it evaluates. */
const run = (...args: readonly string[]): Promise<Ran> =>
  inFolder(async (coverage) => {
    const own = join(project.dir, 'node_modules', 'pilot-gossip')
    const { bin } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8'))
    const { PILOT_GOSSIP_DATA: _data, PILOT_GOSSIP_SWARM: _swarm, ...env } = process.env
    const command = [join(own, bin['pilot-gossip']), ...args]
    const { code, stdout, stderr } = await promisify(execFile)(process.execPath, command, {
      cwd: project.dir,
      env: { ...env, NODE_V8_COVERAGE: coverage, XDG_STATE_HOME: coverage },
    }).then(
      (ended) => ({ code: 0, ...ended }),
      (error) => error,
    )
    const [name = ''] = readdirSync(coverage)
    const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as {
      result: { url: string }[]
    }
    const paths = result
      .filter(({ url }) => url.startsWith('file:'))
      .map(({ url }) => fileURLToPath(url))
    return {
      code,
      stdout,
      stderr,
      scripts: paths.map((path) => path.replace(`${own}/`, '')),
      bytes: paths.reduce((sum, path) => sum + statSync(path).size, 0),
    }
  })

for (const [args, expected] of [
  [['--version'], { code: 0, out: /^\d+\.\d+\.\d+/ }],
  [['get', 'k', '--data', 'none'], { code: 1, out: /^$/ }],
  [['list', '--data', 'none'], { code: 1, out: /^$/ }],
  [['watch', '--data', 'none'], { code: 1, out: /^$/ }],
  [['gett'], { code: 2, out: /^$/ }],
  [['help'], { code: 0, out: /pilot-gossip/ }],
] as const) {
  test(`${args.join(' ')}: loads one file`, async () => {
    const { code, stdout, scripts, bytes } = await run(...args)
    assert.is(code, expected.code)
    assert.match(stdout, expected.out)
    assert.equal(scripts, ['dist/bin.cjs'])
    assert.ok(bytes <= MAX_BYTES, `${bytes} bytes`)
  })
}

test('demo: loads the rest of the package', async () => {
  const { code, scripts } = await run('demo', '--agents', '2', '--writes', '1', '--json')
  assert.is(code, 0)
  assert.ok(scripts.includes('dist/src/cli/demo.js'), `${scripts}`)
})

test('demo: its failure has the code and the hint that it was thrown with', async () => {
  const { code, stdout, stderr } = await run('demo', '--agents', 'many', '--json')
  assert.is(code, 2)
  assert.is(stdout, '')
  assert.is(JSON.parse(stderr).code, 'invalid_argument')
})

test.run()
