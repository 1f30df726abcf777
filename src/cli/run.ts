/**
 * The command `run`: an agent in the foreground, with its control socket, until a signal
 * ends it. This is the one command that loads Yjs and the transports.
 */
import { constants } from 'node:os'
import { Agent } from '../agent.ts'
import { shellQuote } from '../control/client.ts'
import { makeFolder } from '../control/folder.ts'
import { encodeAnswer } from '../control/protocol.ts'
import { ControlServer } from '../control/server.ts'
import { serveAgent } from '../control/service.ts'
import { toFailure } from '../errors.ts'
import { keepIn } from '../store/keep.ts'
import type { Transport } from '../transport.ts'
import { ProblemLog, type Told } from './problems.ts'
import type { Context } from './report.ts'
import { planRun, type RunOptions, type RunPlan, type TransportPlan } from './run-plan.ts'
import { printable, styler } from './text.ts'

const createTransport = async (
  plan: TransportPlan,
  swarm: string,
  env: NodeJS.ProcessEnv,
): Promise<Transport> => {
  if (plan.kind === 'mailbox') {
    const { MailboxTransport } = await import('../transports/mailbox.ts')
    return new MailboxTransport({ dir: plan.dir, address: plan.name })
  }
  const { PilotTransport } = await import('../pilot/transport.ts')
  const { pilotctl, network } = plan
  return new PilotTransport({ swarm, pilotctl, network, env })
}

const showProblem = ({ io, isJson }: Context, told: Told): void => {
  const times = told.count > 1 ? ` (${told.count} times since the last such line)` : ''
  const hint = told.hint === undefined ? '' : ` (${told.hint})`
  const line = isJson
    ? JSON.stringify({ status: 'warning', ...told })
    : `pilot-gossip: ${printable(`${told.message}${hint}${times}`)}`
  io.err(`${line}\n`)
}

const showStart = ({ io }: Context, plan: RunPlan, address: string): string => {
  const style = styler(io.hasColors)
  const { transport, peers } = plan
  const folder = transport.kind === 'mailbox' ? ` in ${transport.dir}` : ''
  const found = transport.kind === 'mailbox' ? 'those in the mailbox folder' : 'those it finds'
  const to = plan.isDefaultDir ? `--swarm ${plan.swarm}` : `--data ${shellQuote(plan.dir)}`
  const tries = ['set greeting hello', 'get greeting', 'watch', 'status']
  return [
    `swarm    ${style('bold', plan.swarm)}`,
    `address  ${style('bold', printable(address))} (${transport.kind}${printable(folder)})`,
    `data     ${printable(plan.dir)}`,
    `peers    ${peers.length > 0 ? printable(peers.join(', ')) : found}`,
    '',
    'Try in another terminal, here or at a peer:',
    ...tries.map((command) => `  pilot-gossip ${command} ${printable(to)}`),
    '',
    'Ctrl-C stops the agent.',
    '',
  ].join('\n')
}

const describeStart = (plan: RunPlan, address: string) => ({
  swarm: plan.swarm,
  node: address,
  transport: plan.transport.kind,
  ...(plan.transport.kind === 'mailbox' && { mailbox: plan.transport.dir }),
  data: plan.dir,
  peers: plan.peers,
  pid: process.pid,
})

/**
 * Resolves at the first SIGINT or SIGTERM; the second ends the process at once. Until `free`
 * somebody listens: execa, whose own listener ends the process where it is alone, must not be.
 */
const catchSignal = (): { readonly caught: Promise<void>; readonly free: () => void } => {
  let isCaught = false
  let take: (signal: NodeJS.Signals) => void = () => undefined
  const caught = new Promise<void>((resolve) => {
    take = (signal) => {
      if (isCaught) process.exit(128 + constants.signals[signal])
      isCaught = true
      resolve()
    }
  })
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.on(signal, take)
  const free = (): void => {
    for (const signal of signals) process.off(signal, take)
  }
  return { caught, free }
}

/** Ends well after a signal; rejects with a Failure where the agent could not start. */
export const run = async (context: Context, options: RunOptions): Promise<void> => {
  const plan = planRun(options, context.io.env)
  const transport = await createTransport(plan.transport, plan.swarm, context.io.env)
  let hasStarted = false
  let isStopping = false
  const problems = new ProblemLog((told) => {
    // That a start is broken off is no news to who did it.
    if (hasStarted || !isStopping) showProblem(context, told)
  })
  const agent = new Agent({
    swarm: plan.swarm,
    transport,
    peers: plan.peers,
    config: plan.config,
    keep: keepIn(plan.dir),
    onProblem: (problem) => problems.add(problem),
  })
  const signal = catchSignal()
  let tellStarted: () => void = () => undefined
  const started = new Promise<void>((resolve) => {
    tellStarted = resolve
  })
  const server = new ControlServer({
    dir: plan.dir,
    handle: serveAgent(agent, started),
    onProblem: (failure) => problems.add({ type: 'transport', failure }),
  })
  const stopped = signal.caught.then(async () => {
    isStopping = true
    await server.stopListening()
    // It may be waiting for a daemon, or for the addresses of peers.
    if (!hasStarted) await transport.close()
  })
  try {
    await server.open()
    if (plan.transport.kind === 'mailbox') {
      await makeFolder('the mailbox folder', plan.transport.dir)
    }
    await agent.start()
    hasStarted = true
    tellStarted()
    if (!isStopping) {
      const { io, isJson } = context
      const { address } = agent
      io.out(
        isJson ? encodeAnswer(describeStart(plan, address)) : showStart(context, plan, address),
      )
    }
    await stopped
  } catch (error) {
    if (!isStopping) throw toFailure(error)
  } finally {
    await agent.stop()
    await server.close()
    signal.free()
  }
}
