/**
 * The cost of one `pilot-gossip get` as a whole process, compared with node doing nothing. The two
 * run in turn, so that other load on the machine affects both, and every answer is checked.
 *
 *     npm run build && node --import tsx bench/get.ts [--pairs 20] [--program FILE]
 *
 * FILE is another build to measure. A wrong answer ends it with exit code 1; a high ratio does not.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { inFolder } from '../test/helpers/folder.ts'
import { readMachine, showMachine } from './runner/machine.ts'
import { medianOf, spreadOf } from './runner/stats.ts'

/** Of the whole process, compared with node alone. */
const MAX_RATIO = 1.5

/** Runs before the first one that counts: they fill the file system's cache. */
const WARM_UP = 3

const [KEY, VALUE] = ['greeting', 'hello']

/** Milliseconds until node ends. Throws an Error if it fails or prints something else. */
const time = (args: readonly string[], expected?: string): number => {
  const start = performance.now()
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const ms = performance.now() - start
  if (error) throw error
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
  if (expected === undefined || stdout === expected) return ms
  throw new Error(`expected ${JSON.stringify(expected)}, got ${JSON.stringify(stdout)}`)
}

/** An agent over a mailbox of its own. Rejects if it does not start. */
const startAgent = async (program: string, dir: string): Promise<ChildProcess> => {
  const folders = ['--mailbox', join(dir, 'mailbox'), '--data', join(dir, 'a')]
  const args = [program, 'run', '--swarm', 'bench', ...folders, '--json']
  const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(agent, 'exit').then(([code]) => {
    throw new Error(`the agent ended with ${code}`)
  })
  await Promise.race([once(agent.stdout, 'data'), ended])
  ended.catch(() => undefined) // from here on its end is expected
  return agent
}

/** Milliseconds of node alone, and of `get` right after it. */
type Pair = readonly [bare: number, get: number]

const measure = async (program: string, count: number, dir: string): Promise<Pair[]> => {
  const agent = await startAgent(program, dir)
  try {
    const data = ['--data', join(dir, 'a')]
    time([program, 'set', KEY, VALUE, ...data])
    const pairs = Array.from(
      { length: WARM_UP + count },
      (): Pair => [time(['-e', '0'], ''), time([program, 'get', KEY, ...data], `${VALUE}\n`)],
    )
    return pairs.slice(WARM_UP)
  } finally {
    if (agent.exitCode === null) {
      agent.kill()
      await once(agent, 'exit')
    }
  }
}

const { values } = parseArgs({
  options: { pairs: { type: 'string', default: '20' }, program: { type: 'string' } },
})
const program = values.program ?? fileURLToPath(new URL('../dist/bin.cjs', import.meta.url))
const count = Number(values.pairs)
if (!Number.isInteger(count) || count < 1)
  throw new TypeError(`--pairs ${values.pairs} is not a number above 0`)
if (!existsSync(program)) throw new Error(`${program} does not exist: npm run build`)

const machine = readMachine()
const pairs = await inFolder((dir) => measure(program, count, dir))
const { median, min, max } = spreadOf(pairs.map(([bare, get]) => get / bare))
process.stdout.write(`${showMachine(machine)}
node -e 0          ${medianOf(pairs.map(([bare]) => bare)).toFixed(1)} ms
pilot-gossip get   ${medianOf(pairs.map(([, get]) => get)).toFixed(1)} ms
ratio              ${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}; median of ${count} pairs; target at most ${MAX_RATIO})
`)
