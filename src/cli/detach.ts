/**
 * `run --detach`: the agent as a process of its own in the background, and the line between it
 * and the command that starts it. Over that line the command sends its plan, and the agent reports
 * once how its start went. If the line breaks before that, the command is gone, and the agent ends.
 *
 * ```ts
 * await detach(context, plan)                  // in the command: resolves when the agent has started
 * await starterOf(process.env)?.plan()         // in the agent: the same plan
 * await starterOf(process.env)?.report(answer) // in the agent
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeDataFolder } from '../control/folder.ts'
import { decodeAnswer } from '../control/protocol.ts'
import { deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
import { logPath, openLog } from './log-file.ts'
import { type Context, report } from './report.ts'
import type { RunPlan } from './run-plan.ts'
import { type StartReport, showStart } from './start-report.ts'

/**
 * Milliseconds for a start. Reading a large document takes seconds; asking a daemon for a few
 * peers that are gone takes tens of seconds. A guess: no script should wait longer.
 */
const START_MS = 120_000

/** Milliseconds that an agent may take to end by itself after its start has failed. */
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
 * Starts the agent of `plan` and prints its report. Rejects with the Failure that the agent met,
 * and with `timeout` if it hangs; the agent has ended by then.
 */
export const detach = async (
  context: Context,
  plan: RunPlan,
  { startMs = START_MS }: DetachOptions = {},
): Promise<void> => {
  await makeDataFolder(plan.dir)
  const child = await launch(plan, context.io.env)
  let line: string | undefined
  try {
    line = await handOver(child, plan, startMs)
    const started = decodeAnswer(line ?? (await lostLine(child, plan))) as unknown as StartReport
    const full = { ...started, log: logPath(plan.dir) }
    report(context, full, () => showStart(context.io, plan, full))
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
    // The options are only for people who read a list of processes: the agent acts on the plan.
    const shown = ['run', `--swarm=${plan.swarm}`, `--data=${plan.dir}`]
    return spawn(process.execPath, [...process.execArgv, PROGRAM, ...shown], {
      detached: true, // a session of its own: no signal of this terminal reaches it
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      env: { ...env, [MARK]: '1' },
    })
  } finally {
    await log.close()
  }
}

/** Sends the plan. Resolves with the agent's report; undefined if it ends without one. */
const handOver = async (
  child: ChildProcess,
  plan: RunPlan,
  startMs: number,
): Promise<string | undefined> => {
  const { promise, resolve, reject } = deferred<string | undefined>()
  child.once('message', (message) => resolve(String(message)))
  child.once('disconnect', () => resolve(undefined)) // not `exit`, which a message may follow
  child.once('error', (error) => reject(toFailure(error)))
  child.send(plan, () => undefined) // an agent that cannot take it is gone: `disconnect` follows
  const timer = setTimeout(() => reject(late(plan, startMs)), startMs)
  try {
    return await promise
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

/** Resolves when the process has ended. One that does not end by itself is killed. */
const end = async (child: ChildProcess): Promise<void> => {
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  // A process that could not be started has no id.
  if (child.pid === undefined || hasEnded()) return
  const gone = once(child, 'exit')
  if (child.connected) child.disconnect() // an agent that has not started ends by this
  const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
  await gone
  clearTimeout(timer)
}

/** The command that waits for this agent's start. */
export interface Starter {
  /** The agent's plan; undefined if the command has ended before sending it. */
  plan(): Promise<RunPlan | undefined>
  /** Sends one line; resolves when it has left. */
  report(line: string): Promise<void>
  /** Resolves when the command is gone, also if it has its report. */
  readonly lost: Promise<void>
  /** Closes the line, so that this process may end. */
  leave(): void
}

/** Undefined if no command waits. Removes its mark from `env`, so that no child has it. */
export const starterOf = (env: NodeJS.ProcessEnv): Starter | undefined => {
  const isMarked = env[MARK] !== undefined
  delete env[MARK]
  if (!isMarked || process.send === undefined) return undefined
  const lost = new Promise<void>((resolve) => {
    if (process.connected) process.once('disconnect', resolve)
    else resolve()
  })
  return {
    plan: () => {
      const { promise, resolve } = deferred<RunPlan | undefined>()
      process.once('message', (plan) => resolve(plan as RunPlan)) // from our own parent
      void lost.then(() => resolve(undefined))
      return promise
    },
    report: (line) =>
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
