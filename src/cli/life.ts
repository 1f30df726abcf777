/**
 * The life of an agent in this process: it starts, serves its control socket, and stops cleanly on
 * a signal or a request. The only part of the command line that loads Yjs and opens a transport.
 *
 * ```ts
 * await live(plan, {
 *   env: process.env,
 *   onStarted: (report) => io.out(showStart(io, plan, report)),
 *   onProblem: ({ message }) => io.err(`${message}\n`),
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
import { sealedOf } from '../transports/sealed/sealed-transport.ts'
import { withOwner } from './owner.ts'
import { removePid, writePid } from './pid-file.ts'
import { type Notice, ProblemLog } from './problems.ts'
import type { RunPlan } from './run-plan.ts'
import { describeStart, type StartReport } from './start-report.ts'
import { kindNamed } from './transports.ts'

export interface LifeOptions {
  readonly env: NodeJS.ProcessEnv
  /** Resolves when no command waits for the start any more; ignored once the agent has started. */
  readonly abandoned?: Promise<void>
  /** Called once, when the socket answers and the transport receives. */
  readonly onStarted: (report: StartReport) => void | Promise<void>
  /** Called at most once a minute for each kind of problem. */
  readonly onProblem: (notice: Notice) => void
}

/** Serves y-websocket clients. The token comes from the environment, since every user can see arguments. */
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

/** What ends an agent: a signal, or a request. */
interface Ending {
  readonly requested: Promise<void>
  readonly request: () => void
  readonly free: () => void
}

/**
 * The first SIGINT or SIGTERM ends the agent cleanly, a second one ends the process at once. The
 * listeners stay until `free`: that of execa would end the process if it were the only one.
 */
const awaitEnding = (): Ending => {
  let isSignalled = false
  const { promise: requested, resolve: request } = deferred<void>()
  const take = (signal: NodeJS.Signals): void => {
    if (isSignalled) process.exit(128 + constants.signals[signal])
    isSignalled = true
    request()
  }
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, take)
  const free = (): void => {
    for (const signal of signals) process.off(signal, take)
  }
  return { requested, request, free }
}

/**
 * Resolves when the agent has stopped: what it wrote is on disk and was pushed, socket and locks
 * are gone. Rejects with a Failure if it could not start, or if its data folder is gone. It reports
 * a full disk and waits for space, since it cannot work without a lock and a log.
 */
export const live = async (plan: RunPlan, options: LifeOptions): Promise<void> => {
  const problems = new ProblemLog(options.onProblem)
  let hasStarted = false
  const onStarted: LifeOptions['onStarted'] = (report) => {
    hasStarted = true
    return options.onStarted(report)
  }
  /** The error that ended an agent after its start: it is not started again. */
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
  const network = await kind.create(plan.transport, owner)
  const transport = new Relay(sealedOf(network, plan.secrets, plan.swarm), network)
  let hasStarted = false
  let isStopping = false
  /** The reason if it ends by itself. */
  let gone: Failure | undefined
  const problems = new ProblemLog((notice) => {
    // A cancelled start needs no report.
    if (hasStarted || !isStopping) onProblem(notice)
  })
  /** A failure of a file that only people read does not stop the agent. */
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
    ...plan.access,
    config: plan.config,
    data: dataFolder(plan.dir),
    ...(plan.maxValueBytes !== undefined && { maxValueBytes: plan.maxValueBytes }),
    ...(plan.pointBytes !== undefined && { pointBytes: plan.pointBytes }),
    onProblem: (problem) => problems.add(problem),
    onGone: () => {
      gone = new Failure(
        'not_found',
        `the data folder "${plan.dir}" was removed, moved or replaced, so the agent ends`,
        { hint: 'run it again on the right folder; it gets back what its peers have' },
      )
      ending.request()
    },
  })
  const ending = awaitEnding()
  const started = deferred<void>()
  const serve = serveAgent(agent, started.promise, { onStop: ending.request, relay: transport })
  const server = new ControlServer({
    dir: plan.dir,
    // Other requests wait for the start. One that hangs can still be stopped.
    handle: (request) =>
      request.command === 'stop' && (request.swarm ?? plan.swarm) === plan.swarm && !hasStarted
        ? new Farewell({ pid: process.pid, stopping: true }, ending.request)
        : serve(request),
    onProblem: (failure) => problems.add({ type: 'transport', failure }),
  })
  void abandoned?.then(() => {
    if (!hasStarted) ending.request()
  })
  const stopped = ending.requested.then(async () => {
    isStopping = true
    await server.stopListening()
    // The start may wait for a daemon, or for the addresses of peers.
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
    if (!isStopping) throw await withOwner(plan.dir, toFailure(error))
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
