/**
 * What one `pilot-gossip get` costs, as a whole process, beside node itself doing nothing. The
 * two take turns, so that whatever else the machine does hits both, and every answer is checked.
 *
 *     npm run build && node --import tsx bench/start-up.ts [--pairs 20] [--program FILE]
 *
 * FILE is another build to be measured.
 * Ends with exit code 1 where an answer is wrong; the figure itself fails nothing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { withFolder } from './runner/folder.ts'
import { type Machine, readMachine } from './runner/machine.ts'
import { medianOf, spreadOf } from './runner/stats.ts'

/** Of the whole process, beside node alone. */
const BOUND = 1.5

/** Runs before the first that counts: they fill the caches of the file system. */
const WARM_UP = 3

const KEY = 'greeting'
const VALUE = 'hello'

interface Timed {
  /** Milliseconds. */
  readonly ms: number
  readonly stdout: string
}

/** Runs node to its end. Throws an Error where it fails. */
const time = (args: readonly string[]): Timed => {
  const start = performance.now()
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  const ms = performance.now() - start
  if (error) throw error
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}: ${stderr}`)
  return { ms, stdout }
}

const check = (found: string, expected: string): void => {
  if (found === expected) return
  throw new Error(`expected ${JSON.stringify(expected)}, but ${JSON.stringify(found)} was printed`)
}

/** An agent over a mailbox of its own. Rejects where it does not start. */
const startAgent = async (program: string, dir: string): Promise<ChildProcess> => {
  const folders = ['--mailbox', join(dir, 'mailbox'), '--data', join(dir, 'a')]
  const args = [program, 'run', '--swarm', 'bench', ...folders, '--json']
  const agent = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(agent, 'exit').then(([code]) => {
    throw new Error(`the agent ended with ${code}`)
  })
  await Promise.race([once(agent.stdout, 'data'), ended])
  ended.catch(() => undefined) // from now on it is told to end
  return agent
}

const round = (number: number, digits = 1): string => number.toFixed(digits)

const describe = ({ cpu, cores, platform, node, load }: Machine): string =>
  `${cpu}, ${cores} cores, ${platform}, node ${node}, load ${load}`

interface Pairs {
  /** Milliseconds of node alone, and of `get` right after it. */
  readonly bare: readonly number[]
  readonly get: readonly number[]
}

/** Both in turn, beside an agent that has the key. Throws an Error where an answer is wrong. */
const measure = async (program: string, pairs: number, dir: string): Promise<Pairs> => {
  const agent = await startAgent(program, dir)
  try {
    const data = ['--data', join(dir, 'a')]
    time([program, 'set', KEY, VALUE, ...data])
    const bare: number[] = []
    const get: number[] = []
    for (let index = -WARM_UP; index < pairs; index++) {
      const nothing = time(['-e', '0'])
      const asked = time([program, 'get', KEY, ...data])
      check(nothing.stdout, '')
      check(asked.stdout, `${VALUE}\n`)
      if (index < 0) continue
      bare.push(nothing.ms)
      get.push(asked.ms)
    }
    return { bare, get }
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
const program = values.program ?? fileURLToPath(new URL('../dist/src/bin.js', import.meta.url))
const pairs = Number(values.pairs)
if (!Number.isInteger(pairs) || pairs < 1)
  throw new TypeError(`--pairs ${values.pairs} is no number`)
if (!existsSync(program)) throw new Error(`${program} is not there: npm run build`)

const { bare, get } = await withFolder(tmpdir(), (dir) => measure(program, pairs, dir))
const ratio = spreadOf(get.map((ms, index) => ms / bare[index]!))
const lines = [
  describe(readMachine()),
  `node -e 0          ${round(medianOf(bare))} ms`,
  `pilot-gossip get   ${round(medianOf(get))} ms`,
  `ratio              ${round(ratio.median, 2)} (${round(ratio.min, 2)} to ${round(ratio.max, 2)}; median of ${pairs} pairs; bound ${BOUND})`,
]
process.stdout.write(`${lines.join('\n')}\n`)
