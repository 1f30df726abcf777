/**
 * `run --detach`: the agent as a process of its own in the background, and the line between it
 * and the command that starts it. Over that line the agent tells once how its start went; when
 * the line breaks before, whoever wanted the agent is gone, and it ends.
 *
 * ```ts
 * await detach(context, plan)                    // in the command: resolves when the agent has started
 * await starterOf(process.env)?.tell(answerLine) // in the agent
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFolder } from '../control/folder.ts'
import { decodeAnswer } from '../control/protocol.ts'
import { Failure, toFailure } from '../errors.ts'
import { logPath, openLog } from './log-file.ts'
import { type Context, report } from './report.ts'
import { argsOf, type RunPlan } from './run-plan.ts'
import { type StartReport, showStart } from './start-report.ts'

/**
 * Milliseconds for a start. Reading a large document takes seconds, asking a daemon for a few
 * peers that are gone tens of them; a script that waits longer has been forgotten.
 */
const START_MS = 120_000

/** Milliseconds that an agent whose start has failed may take to end by itself. */
const END_MS = 10_000

/** Set in the environment of a detached agent: its end of the line is node's own channel. */
const MARK = 'PILOT_GOSSIP_DETACHED'

/** The program, as source or as what is built. */
const PROGRAM = fileURLToPath(new URL(`../bin${extname(import.meta.url)}`, import.meta.url))

export interface DetachOptions {
  /** milliseconds; default two minutes */
  readonly startMs?: number
}

/**
 * Starts the agent of `plan` and prints its report. Rejects with the Failure that the agent had,
 * and with `timeout` where it hangs: then it has been ended.
 */
export const detach = async (
  context: Context,
  plan: RunPlan,
  { startMs = START_MS }: DetachOptions = {},
): Promise<void> => {
  await makeFolder('the data folder', plan.dir, 0o700)
  const child = await launch(plan, context.io.env)
  let line: string | undefined
  try {
    line = await hear(child, plan, startMs)
    const started = decodeAnswer(line ?? (await lostLine(child, plan))) as unknown as StartReport
    const told = { ...started, log: logPath(plan.dir) }
    report(context, told, () => showStart(context.io, plan, told))
  } catch (error) {
    await end(child)
    throw error
  }
  child.disconnect()
  child.unref()
}

const launch = async (plan: RunPlan, env: NodeJS.ProcessEnv): Promise<ChildProcess> => {
  const log = await openLog(plan.dir)
  try {
    return spawn(process.execPath, [...process.execArgv, PROGRAM, 'run', ...argsOf(plan)], {
      detached: true, // a session of its own: no signal of this terminal reaches it
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...env, [MARK]: '1' },
    })
  } finally {
    await log.close()
  }
}

/** What the agent tells; undefined when it ends without a word. */
const hear = async (
  child: ChildProcess,
  plan: RunPlan,
  startMs: number,
): Promise<string | undefined> => {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      child.once('message', (message) => resolve(String(message)))
      child.once('disconnect', () => resolve(undefined)) // not `exit`, which a message may follow
      child.once('error', (error) => reject(toFailure(error)))
      timer = setTimeout(() => reject(late(plan, startMs)), startMs)
    })
  } finally {
    clearTimeout(timer)
  }
}

const late = ({ dir }: RunPlan, startMs: number): Failure =>
  new Failure('timeout', `the agent on "${dir}" did not start within ${startMs / 1_000} s`, {
    hint: 'run it without --detach to see what it waits for',
  })

const lostLine = async (child: ChildProcess, { dir }: RunPlan): Promise<never> => {
  await end(child)
  const how = child.signalCode ?? `exit code ${child.exitCode}`
  throw new Failure('internal', `the agent ended before it was ready (${how})`, {
    hint: `read its log: ${logPath(dir)}`,
  })
}

/** Resolves when the process is gone; one that does not go by itself is ended. */
const end = async (child: ChildProcess): Promise<void> => {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  // A process that could not be started has no id.
  if (child.pid === undefined || hasEnded()) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  if (child.connected) child.disconnect() // an agent that has not started ends by this
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await gone
  clearTimeout(timer)
}

/** The command that waits for this agent's start. */
export interface Starter {
  /** Hands over one line; resolves when it is on its way. */
  tell(line: string): Promise<void>
  /** Resolves when the command is gone, also when it has heard enough. */
  readonly lost: Promise<void>
  /** Lets the line go, so that this process may end. */
  leave(): void
}

/** Undefined where nobody waits. Takes its mark out of `env`, so that no child has it. */
export const starterOf = (env: NodeJS.ProcessEnv): Starter | undefined => {
  const isMarked = env[MARK] !== undefined
  delete env[MARK]
  if (!isMarked || process.send === undefined) return undefined
  const lost = new Promise<void>((resolve) => {
    if (process.connected) process.once('disconnect', resolve)
    else resolve()
  })
  return {
    tell: (line) =>
      new Promise((resolve) => {
        // A command that is gone needs no report: `lost` says so.
        if (process.connected) process.send?.(line, () => resolve())
        else resolve()
      }),
    lost,
    leave: () => {
      if (process.connected) process.disconnect()
    },
  }
}
