/**
 * The life of an agent in this process: it starts, serves its control socket, and stops in good
 * order when it is no longer wanted. The one part of the command line that loads Yjs and the
 * transports.
 *
 * ```ts
 * await live(plan, {
 *   env: process.env,
 *   onStarted: (report) => io.out(showStart(io, plan, report)),
 *   onProblem: (told) => io.err(`${told.message}\n`),
 * })
 * ```
 */
import { constants } from 'node:os'
import { Agent } from '../agent/agent.ts'
import type { Bridge } from '../bridge/index.ts'
import { Farewell } from '../control/answers.ts'
import { ControlServer } from '../control/server.ts'
import { serveAgent } from '../control/service.ts'
import { deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
import { onceThereIsRoom } from '../fs/full-disk.ts'
import { dataFolder } from '../store/log/data-folder.ts'
import { Relay } from '../transports/relay.ts'
import { tellOwner } from './owner.ts'
import { removePid, writePid } from './pid-file.ts'
import { ProblemLog, type Told } from './problems.ts'
import type { RunPlan } from './run-plan.ts'
import { describeStart, type StartReport } from './start-report.ts'
import { kindNamed } from './transports.ts'

export interface LifeOptions {
  readonly env: NodeJS.ProcessEnv
  /** Resolves when nobody waits for the start any more; ignored once it has started. */
  readonly abandoned?: Promise<void>
  /** Told once, when the socket answers and messages are taken. */
  readonly onStarted: (report: StartReport) => void | Promise<void>
  /** Each kind of trouble at most once a minute. */
  readonly onProblem: (told: Told) => void
}

/** Lets y-websocket clients in; the token is taken from the environment, as arguments can be seen by all. */
const createBridge = async (
  rooms: Agent,
  { bridge }: RunPlan,
  env: NodeJS.ProcessEnv,
  onProblem: (failure: Failure) => void,
): Promise<Bridge | undefined> => {
  if (!bridge) return undefined
  const { Bridge } = await import('../bridge/index.ts')
  const token = env.PILOT_GOSSIP_WS_TOKEN
  return new Bridge({
    ...bridge,
    rooms: { open: (name) => rooms.openRoom(name) },
    ...(token && { token }),
    onProblem,
  })
}

/** What ends an agent: a signal, or somebody who asks. */
interface Ending {
  readonly come: Promise<void>
  readonly ask: () => void
  readonly free: () => void
}

/**
 * The first SIGINT or SIGTERM ends the agent in good order, one more ends the process at once.
 * Until `free` somebody listens: execa, whose own listener ends the process where it is alone,
 * must not be.
 */
const awaitEnding = (): Ending => {
  let isSignalled = false
  const { promise: come, resolve: ask } = deferred<void>()
  const take = (signal: NodeJS.Signals): void => {
    if (isSignalled) process.exit(128 + constants.signals[signal])
    isSignalled = true
    ask()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, take)
  const free = (): void => {
    for (const signal of signals) process.off(signal, take)
  }
  return { come, ask, free }
}

/**
 * Resolves when the agent has stopped: what it wrote is on disk and was pushed, socket and locks
 * are gone. Rejects with a Failure where it could not start, and when its data folder is gone. A
 * disk that is full is reported and waited for: without a lock and a log nothing can be served.
 */
export const live = async (plan: RunPlan, options: LifeOptions): Promise<void> => {
  const problems = new ProblemLog(options.onProblem)
  let hasStarted = false
  const onStarted: LifeOptions['onStarted'] = (report) => {
    hasStarted = true
    return options.onStarted(report)
  }
  /** What an agent ends with that had started is no reason to start it again. */
  let ended: unknown
  const start = async (): Promise<void> => {
    try {
      await liveOnce(plan, { ...options, onStarted })
    } catch (error) {
      if (!hasStarted) throw error
      ended = error
    }
  }
  await onceThereIsRoom(start, {
    onFull: (failure) => problems.add({ type: 'store', failure }),
    abandoned: options.abandoned,
  })
  if (ended !== undefined) throw ended
}

const liveOnce = async (
  plan: RunPlan,
  { env, abandoned, onStarted, onProblem }: LifeOptions,
): Promise<void> => {
  const kind = kindNamed(plan.transport.kind)
  const owner = { swarm: plan.swarm, data: plan.dir, env }
  const transport = new Relay(await kind.create(plan.transport, owner))
  let hasStarted = false
  let isStopping = false
  /** Why it ends by itself. */
  let gone: Failure | undefined
  const problems = new ProblemLog((told) => {
    // That a start is broken off is no news to who did it.
    if (hasStarted || !isStopping) onProblem(told)
  })
  /** A file for people that cannot be kept is no reason to stop. */
  const attempt = async (run: (dir: string) => Promise<void>): Promise<void> => {
    try {
      await run(plan.dir)
    } catch (error) {
      problems.add({ type: 'store', failure: toFailure(error) })
    }
  }
  const agent = new Agent({
    swarm: plan.swarm,
    transport,
    peers: plan.peers,
    config: plan.config,
    data: dataFolder(plan.dir),
    ...(plan.maxValueBytes !== undefined && { maxValueBytes: plan.maxValueBytes }),
    onProblem: (problem) => problems.add(problem),
    onGone: () => {
      gone = new Failure(
        'not_found',
        `the data folder "${plan.dir}" was removed, moved or replaced, so the agent ends`,
        { hint: 'run it again on the right folder; it gets back what its peers have' },
      )
      ending.ask()
    },
  })
  const ending = awaitEnding()
  const started = deferred<void>()
  const serve = serveAgent(agent, started.promise, { onStop: ending.ask, relay: transport })
  const server = new ControlServer({
    dir: plan.dir,
    // All else waits for the start; one that does not come to its end can be stopped, too.
    handle: (request) =>
      request.command === 'stop' && (request.swarm ?? plan.swarm) === plan.swarm && !hasStarted
        ? new Farewell({ pid: process.pid, stopping: true }, ending.ask)
        : serve(request),
    onProblem: (failure) => problems.add({ type: 'transport', failure }),
  })
  void abandoned?.then(() => {
    if (!hasStarted) ending.ask()
  })
  const stopped = ending.come.then(async () => {
    isStopping = true
    await server.stopListening()
    // It may be waiting for a daemon, or for the addresses of peers.
    if (hasStarted) return
    await transport.leave?.(0)
    await transport.close()
  })
  let bridge: Bridge | undefined
  try {
    bridge = await createBridge(agent, plan, env, (failure) =>
      problems.add({ type: 'bridge', failure }),
    )
    await server.open()
    await kind.prepare?.(plan.transport)
    await agent.start()
    for (const room of plan.rooms) await agent.openRoom(room)
    const served = await bridge?.listen()
    hasStarted = true
    started.resolve()
    if (!isStopping) {
      await attempt(writePid)
      const { waitsFor } = agent.status()
      await onStarted(describeStart(plan, agent.runtime, served?.url, waitsFor))
    }
    await stopped
  } catch (error) {
    if (!isStopping) throw await tellOwner(plan.dir, toFailure(error))
  } finally {
    await attempt(removePid)
    await bridge?.close()
    try {
      await agent.stop()
    } finally {
      await server.close()
      ending.free()
    }
  }
  if (gone) throw gone
}
