/**
 * The command `run`: an agent that runs until a signal or `stop` ends it, in the foreground. With
 * `--detach` it runs in the background and prints to a log.
 *
 * ```ts
 * await run(context, [], { swarm: 'kv', mailbox: '/tmp/kv', detach: true })
 * ```
 */
import { encodeAnswer, encodeFailure } from '../control/protocol.ts'
import { type Failure, toFailure } from '../errors.ts'
import { detach, type Starter, starterOf } from './detach.ts'
import { boundLog, stampLines } from './log-file.ts'
import type { Notice } from './problems.ts'
import { type Context, exitCodeOf, report } from './report.ts'
import { planRun, type RunOptions } from './run-plan.ts'
import { showStart } from './start-report.ts'
import { printable } from './text.ts'

/** Resolves with 0 after a signal; rejects with a Failure if the agent could not start. */
export const run = async (
  context: Context,
  _args: readonly string[],
  options: RunOptions,
): Promise<number> => {
  const { io } = context
  const starter = starterOf(io.env)
  if (starter) return runDetached(context, starter)
  const plan = planRun(options, io.env)
  if (options.detach === true) {
    await detach(context, plan)
    return 0
  }
  const { live } = await import('./life.ts')
  await live(plan, {
    env: io.env,
    onStarted: (started) => report(context, started, () => showStart(io, plan, started)),
    onProblem: (notice) => showProblem(context, notice),
  })
  return 0
}

const sentence = ({ message, hint }: Pick<Failure, 'message' | 'hint'>): string =>
  printable(hint === undefined ? message : `${message} (${hint})`)

const describe = (notice: Notice): string =>
  `${sentence(notice)}${notice.count > 1 ? ` (${notice.count} times since the last such line)` : ''}`

const showProblem = ({ io, isJson }: Context, notice: Notice): void =>
  io.err(
    isJson
      ? `${JSON.stringify({ status: 'warning', ...notice })}\n`
      : `pilot-gossip: ${describe(notice)}\n`,
  )

/** In the process that `detach` started. A failure goes over the line and to the log. */
const runDetached = async ({ io }: Context, starter: Starter): Promise<number> => {
  const plan = await starter.plan()
  if (!plan) return 1
  const log = (text: string): void => io.err(stampLines(`${text}\n`, new Date()))
  try {
    process.chdir(plan.dir) // keeps no other folder in use; all paths of the plan are absolute
    const { live } = await import('./life.ts')
    await live(plan, {
      env: io.env,
      abandoned: starter.lost,
      onStarted: async (started) => {
        const { swarm, node, pid } = started
        log(`started: ${printable(node)} of the swarm "${swarm}", process ${pid}`)
        await starter.report(encodeAnswer(started))
      },
      onProblem: (notice) => {
        log(describe(notice))
        boundLog(plan.dir).catch((error) =>
          log(printable(`the log stays long: ${toFailure(error).message}`)),
        )
      },
    })
    log('stopped')
    return 0
  } catch (error) {
    const failure = toFailure(error)
    log(sentence(failure))
    await starter.report(encodeFailure(failure))
    return exitCodeOf(failure)
  } finally {
    starter.leave()
  }
}
