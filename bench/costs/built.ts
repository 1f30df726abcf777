/**
 * The built program, as its users have it: what these benches start, and an agent of it.
 *
 * ```ts
 * const agent = await startAgent(dir)
 * await agent.ask('set', 'k', '1')
 * await agent.stop()
 * ```
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from '../../src/errors.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** No Pilot daemon is to be asked by mistake. */
const ENV = { ...process.env, PILOT_REGISTRY: '127.0.0.1:1' }

/** The longest output of a command, in bytes: that of a list of a million keys. */
const MAX_OUTPUT_BYTES = 1_073_741_824

/** The file that `pilot-gossip` starts. Throws a Failure (not_found) unless the package is built. */
export const builtProgram = (): string => {
  const { bin } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    bin: { 'pilot-gossip': string }
  }
  const program = join(ROOT, bin['pilot-gossip'])
  if (existsSync(program)) return program
  throw new Failure('not_found', `${program} does not exist`, { hint: 'run: npm run build' })
}

export interface Ran {
  readonly ms: number
  readonly stdout: string
}

/** Runs node to its end. Throws a Failure (internal) if it fails. */
export const runNode = (args: readonly string[]): Ran => {
  const began = performance.now()
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: ENV,
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  const ms = performance.now() - began
  if (error) throw error
  if (status === 0) return { ms, stdout }
  throw new Failure('internal', `node ${args.join(' ')} ended with ${status}: ${stderr}`)
}

/** A process of node that is stopped by a signal. */
export const spawnNode = (args: readonly string[]): ChildProcess =>
  spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], env: ENV })

/** Resolves once it prints something. Rejects with a Failure (internal) if it ends before. */
export const firstOutput = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Failure('internal', `the process ended with ${code} before its first output`)
  })
  await Promise.race([once(child.stdout!, 'data'), ended])
  ended.catch(() => undefined) // from here on its end is expected
}

export const endChild = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}

export interface RunningAgent {
  readonly pid: number
  /** The arguments of node that run a command of this agent. */
  command(...words: readonly string[]): string[]
  /** Its output. Throws a Failure (internal) if the command fails. */
  ask(...words: readonly string[]): string
  stop(): Promise<void>
}

/** An agent in the folder `dir/NAME`, over the mailbox in `dir`. */
export const startAgent = async (dir: string, name = 'a'): Promise<RunningAgent> => {
  const program = builtProgram()
  const data = join(dir, name)
  const folders = ['--mailbox', join(dir, 'mailbox'), '--name', name, '--data', data]
  const child = spawnNode([program, 'run', '--swarm', 'bench', ...folders, '--json'])
  await firstOutput(child)
  const command = (...words: readonly string[]) => [program, ...words, '--data', data]
  return {
    pid: child.pid!,
    command,
    ask: (...words) => runNode(command(...words)).stdout,
    stop: () => endChild(child),
  }
}
