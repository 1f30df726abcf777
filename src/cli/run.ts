/**
 * The command `run`: an agent until a signal or `stop` ends it, in the foreground; or, with
 * `--detach`, in the background, where it prints to a log.
 *
 * ```ts
 * await run(context, [], { swarm: 'kv', mailbox: '/tmp/kv', detach: true })
 * ```
 */
import { encodeAnswer, encodeFailure } from '../control/protocol.ts'
import { type Failure, toFailure } from '../errors.ts'
import { detach, type Starter, starterOf } from './detach.ts'
import { boundLog, stampLines } from './log-file.ts'
import type { Told } from './problems.ts'
import { type Context, exitCodeOf, report } from './report.ts'
import { planRun, type RunOptions } from './run-plan.ts'
import { showStart } from './start-report.ts'
import { printable } from './text.ts'

/** Ends well after a signal; rejects with a Failure where the agent could not start. */
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
    onProblem: (told) => showProblem(context, told),
  })
  return 0
}

const sentence = ({ message, hint }: Pick<Failure, 'message' | 'hint'>): string =>
  printable(hint === undefined ? message : `${message} (${hint})`)

const describe = (told: Told): string =>
  `${sentence(told)}${told.count > 1 ? ` (${told.count} times since the last such line)` : ''}`

const showProblem = ({ io, isJson }: Context, told: Told): void =>
  io.err(
    isJson
      ? `${JSON.stringify({ status: 'warning', ...told })}\n`
      : `pilot-gossip: ${describe(told)}\n`,
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
      onProblem: (told) => {
        log(describe(told))
        boundLog(plan.dir).catch((error) => log(`the log stays long: ${toFailure(error).message}`))
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
