/**
 * The cost of a command of the built program as a whole process, beside node that does nothing. The
 * two run in turn, so that other load on the machine affects both, and every answer is checked.
 *
 * ```ts
 * const rows = await measureCommands({ dir, runs: 15 })
 * rows[0] // { command: '--version', ms: 48, nodeMs: 40, ratio: 1.2 }
 * ```
 */
import { readFileSync } from 'node:fs'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { medianOf } from '../runner/stats.ts'
import { builtProgram, type RunningAgent, runNode, startAgent } from './built.ts'

/** Runs before the first one that counts: they fill the file system's cache. */
const WARM_UP = 2

const [KEY, VALUE] = ['greeting', 'hello']

export interface CommandOptions {
  /** An existing folder for temporary ones. */
  readonly dir?: string
  /** Of each command. */
  readonly runs: number
}

export interface CommandCost {
  readonly command: string
  /** Medians of elapsed milliseconds: of the command, and of `node -e 0`. */
  readonly ms: number
  readonly nodeMs: number
  /** The median of the ratios of two runs that followed each other. */
  readonly ratio: number
}

interface Case {
  readonly command: string
  readonly args: readonly string[]
  readonly expected: string
}

const casesOf = (agent: RunningAgent): Case[] => {
  const { version } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  ) as { version: string }
  return [
    { command: '--version', args: [builtProgram(), '--version'], expected: `${version}\n` },
    { command: 'get', args: agent.command('get', KEY), expected: `${VALUE}\n` },
    {
      command: 'list',
      args: agent.command('list'),
      expected: `KEY       VALUE\n${KEY}  "${VALUE}"\n`,
    },
  ]
}

/** Milliseconds. Throws a Failure (internal) for another output. */
const time = (args: readonly string[], expected: string): number => {
  const { ms, stdout } = runNode(args)
  if (stdout === expected) return ms
  const wrong = `wrong answer: ${args.join(' ')}: ${JSON.stringify(stdout)}`
  throw new Failure('internal', `${wrong}, not ${JSON.stringify(expected)}`)
}

const costOf = ({ command, args, expected }: Case, runs: number): CommandCost => {
  const pairs = Array.from({ length: WARM_UP + runs }, () => ({
    node: time(['-e', '0'], ''),
    ms: time(args, expected),
  })).slice(WARM_UP)
  return {
    command,
    ms: medianOf(pairs.map(({ ms }) => ms)),
    nodeMs: medianOf(pairs.map(({ node }) => node)),
    ratio: medianOf(pairs.map(({ ms, node }) => ms / node)),
  }
}

export const measureCommands = ({ dir, runs }: CommandOptions): Promise<CommandCost[]> =>
  inFolder(async (folder) => {
    const agent = await startAgent(folder)
    try {
      agent.ask('set', KEY, VALUE)
      return casesOf(agent).map((one) => costOf(one, runs))
    } finally {
      await agent.stop()
    }
  }, dir)
