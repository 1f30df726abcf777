/**
 * The command line as tests use it: in this process with a terminal of strings, or as a
 * child process in a home of its own.
 *
 * ```ts
 * const { code, stdout } = await inProcess(['get', 'k', '--data', dir])
 * const agent = startCli(['run', '--swarm', 'kv', '--mailbox', dir], home)
 * await agent.shows(/swarm +kv/)
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import { until } from './until.ts'

export { temporaryFolder } from './folder.ts'

/** The project's folder, with a separator at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The program; node runs it with `--import tsx` from `ROOT`. */
export const BIN = join(ROOT, 'src', 'bin.ts')

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The `data` of a JSON answer; fails if standard error is not empty. */
export const dataOf = ({ stdout, stderr }: Ended): Record<string, unknown> => {
  assert.is(stderr, '')
  return JSON.parse(stdout).data
}

/** A failure printed as JSON; fails if standard output is not empty. */
export const failureOf = ({ stdout, stderr }: Ended): Record<string, unknown> => {
  assert.is(stdout, '')
  return JSON.parse(stderr)
}

export interface InProcess {
  readonly env?: NodeJS.ProcessEnv
  /** Is standard output a terminal? Default false. */
  readonly isTerminal?: boolean
  readonly input?: string
}

/** Runs a command in this process. `run` would wait for a signal. */
export const inProcess = async (
  args: readonly string[],
  { env = {}, input = '', isTerminal = false }: InProcess = {},
): Promise<Ended> => {
  const told = { stdout: '', stderr: '' }
  const io: Io = {
    out: (text) => {
      told.stdout += text
    },
    err: (text) => {
      told.stderr += text
    },
    isTerminal,
    columns: 80,
    hasColors: false,
    env,
    readInput: async () => input,
    outliveReader: () => undefined,
  }
  const code = await main(args, io)
  return { code, ...told }
}

export interface Started {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly ended: Promise<Ended>
  /** Resolves once standard output matches; rejects if the process ends first. */
  readonly shows: (pattern: RegExp) => Promise<string>
}

/** The environment of a child: a home of its own, and no variable that selects an agent. */
export const homeEnv = (home: string, more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => {
  const { PILOT_GOSSIP_DATA: _data, PILOT_GOSSIP_SWARM: _swarm, ...env } = process.env
  return { ...env, HOME: home, XDG_STATE_HOME: join(home, 'state'), ...more }
}

export const startCli = (args: readonly string[], env: NodeJS.ProcessEnv): Started => {
  const child = spawn(process.execPath, ['--import', 'tsx', BIN, ...args], { cwd: ROOT, env })
  let stdout = ''
  let stderr = ''
  let hasEnded = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      hasEnded = true
      resolve({ code, stdout, stderr })
    })
  })
  const shows = (pattern: RegExp): Promise<string> =>
    until(`${args.join(' ')} to show ${pattern}`, () => {
      const found = pattern.exec(stdout)?.[0]
      if (found === undefined && hasEnded) throw new Error(`ended: ${stdout}${stderr}`)
      return found
    })
  return { child, stdout: () => stdout, stderr: () => stderr, ended, shows }
}

/** Runs a command as a child process to its end. */
export const runCli = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input = '',
): Promise<Ended> => {
  const { child, ended } = startCli(args, env)
  child.stdin?.end(input)
  return ended
}
