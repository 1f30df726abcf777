/**
 * The command `stop`: asks the agent to stop cleanly, and waits until it has.
 *
 * ```ts
 * await stop(context, [], { data: '/var/lib/kv', timeout: '10s' })
 * ```
 */
import { ControlClient } from '../control/client.ts'
import { Failure, isFailure } from '../errors.ts'
import { isAlive, type Owner } from '../fs/lock.ts'
import { ownerOf } from './owner.ts'
import { parseDuration } from './parse.ts'
import { type Context, report } from './report.ts'
import { findTarget, type Target, type TargetOptions } from './target.ts'
import { printable } from './text.ts'

/** Milliseconds. An agent takes one to write to disk, and up to some seconds for its last push. */
const TIMEOUT_MS = 30_000

/** Milliseconds between two checks whether it is gone. */
const PAUSE_MS = 20

export interface StopOptions extends TargetOptions {
  /** such as `10s` */
  readonly timeout?: string | undefined
}

/** Rejects with `not_running` if no agent runs, and with `timeout` if it takes too long. */
export const stop = async (
  context: Context,
  _args: readonly string[],
  options: StopOptions,
): Promise<void> => {
  const { timeout } = options
  const limitMs = timeout === undefined ? TIMEOUT_MS : parseDuration('--timeout', timeout)
  const end = performance.now() + limitMs
  const target = await findTarget(options, context.io.env)
  const { dir } = target
  const owner = await askToStop(target, limitMs)
  while (!(await isGone(dir, owner))) {
    if (performance.now() > end) throw late(dir, owner, limitMs)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  const data = { data: dir, ...(owner && { pid: owner.pid }), stopped: true }
  report(context, data, () => `stopped the agent on ${printable(dir)}\n`)
}

/** The process that was asked, if it can be known. */
const askToStop = async ({ dir, swarm }: Target, limitMs: number): Promise<Owner | undefined> => {
  const connection = await new ControlClient(dir).open()
  // Read before the request, since the agent then removes its lock.
  const owner = await ownerOf(dir)
  try {
    await connection.ask({ command: 'stop', ...(swarm !== undefined && { swarm }) }, limitMs)
  } catch (error) {
    if (isFailure(error, 'timeout')) throw late(dir, owner, limitMs)
    // It was stopping already, and gone before it could answer.
    if (!isFailure(error, 'not_running')) throw error
  } finally {
    connection.close()
  }
  return owner
}

/** Checks the process if it is known: another agent may have the folder by now. */
const isGone = async (dir: string, owner: Owner | undefined): Promise<boolean> =>
  owner ? !isAlive(owner) : !(await new ControlClient(dir).isRunning())

const late = (dir: string, owner: Owner | undefined, limitMs: number): Failure => {
  const who = owner ? ` (process ${owner.pid})` : ''
  return new Failure(
    'timeout',
    `the agent on "${dir}"${who} did not stop within ${limitMs / 1_000} s`,
    {
      hint: 'it may be waiting for its disk or a peer: wait, or kill it; what it acknowledged is safe',
    },
  )
}
