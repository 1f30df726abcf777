/**
 * What `run` reports when its agent has started: the same in the foreground and with `--detach`.
 *
 * ```ts
 * const started = describeStart(plan, agent.runtime) // { swarm: 'kv', node: 'agent-1b2c3d4e', …, pid: 123 }
 * io.out(showStart(io, plan, started))
 * ```
 */
import type { Runtime } from '../agent/runtime.ts'
import { shellQuote } from '../control/client.ts'
import type { Accept } from '../gossip/index.ts'
import { acceptWords } from './accept-words.ts'
import type { Io } from './io.ts'
import type { RunPlan } from './run-plan.ts'
import { OPEN, SEALED, UNSEALED } from './secret-words.ts'
import { printable, styler } from './text.ts'
import { kindNamed } from './transports.ts'

export interface StartReport {
  readonly swarm: string
  /** The agent's address. */
  readonly node: string
  readonly transport: string
  readonly mailbox?: string
  /** The data folder. */
  readonly data: string
  readonly peers: readonly string[]
  /** Are all messages sealed with the swarm's secret? */
  readonly isSealed: boolean
  /** Whose messages it takes. */
  readonly accept: Accept
  /** Why it does not exchange messages yet. */
  readonly waitsFor?: { readonly message: string; readonly hint?: string | undefined }
  /** Where y-websocket clients connect. */
  readonly ws?: string
  readonly pid: number
  /** For a detached agent: the file to which it prints. */
  readonly log?: string
}

/** The report of the agent in this process; `ws` is the URL of its bridge. */
export const describeStart = (
  plan: RunPlan,
  runtime: Runtime,
  ws?: string,
  waitsFor?: StartReport['waitsFor'],
): StartReport => ({
  swarm: plan.swarm,
  node: runtime.address,
  transport: plan.transport.kind,
  ...kindNamed(plan.transport.kind).describe(plan.transport).fields,
  data: plan.dir,
  peers: runtime.given,
  isSealed: plan.secrets !== undefined,
  accept: runtime.access.accept,
  ...(waitsFor && { waitsFor }),
  ...(ws !== undefined && { ws }),
  pid: process.pid,
})

/** The options by which a command finds the agent of `plan`. */
export const targetOf = (plan: RunPlan): string =>
  plan.isDefaultDir ? `--swarm ${plan.swarm}` : `--data ${shellQuote(plan.dir)}`

const reasonOf = ({ message, hint }: NonNullable<StartReport['waitsFor']>): string =>
  hint === undefined ? message : `${message} (${hint})`

/** Absent for any address by default: the line of the secret says that. */
const showAccept = ({ access, transport, secrets }: RunPlan, accept: Accept): readonly string[] => {
  if (accept !== 'any') return [`accepts  ${acceptWords(accept)}`]
  if (access?.accept === undefined && transport.kind === 'pilot' && !secrets)
    return [`accepts  ${acceptWords(accept)}: this node trusts none yet (pilotctl handshake NODE)`]
  if (access?.accept !== 'trusted') return []
  return [`accepts  ${acceptWords(accept)}: the ${transport.kind} transport has no notion of trust`]
}

/** For people, with commands to try next. */
export const showStart = ({ hasColors }: Io, plan: RunPlan, report: StartReport): string => {
  const style = styler(hasColors)
  const { node, transport, peers, isSealed, accept, waitsFor, ws, pid, log } = report
  const { place, peers: found } = kindNamed(plan.transport.kind).describe(plan.transport)
  const to = targetOf(plan)
  const tries = ['set greeting hello', 'get greeting', 'watch', 'status']
  const lines = [
    `swarm    ${style('bold', report.swarm)}`,
    node === ''
      ? `address  not known yet (${transport}${printable(place)})`
      : `address  ${style('bold', printable(node))} (${transport}${printable(place)})`,
    ...(waitsFor === undefined ? [] : [`waits    ${printable(reasonOf(waitsFor))}`]),
    `data     ${printable(report.data)}`,
    `peers    ${peers.length > 0 ? printable(peers.join(', ')) : found}`,
    ...showAccept(plan, accept),
    `secret   ${isSealed ? SEALED : accept === 'any' ? OPEN : UNSEALED}`,
    ...(ws === undefined ? [] : [`editors  ${ws}/${report.swarm}`]),
    ...(log === undefined ? [] : [`log      ${printable(log)}`, `process  ${pid}`]),
    '',
    log === undefined ? 'Try in another terminal, here or at a peer:' : 'Try here or at a peer:',
    ...tries.map((command) => `  pilot-gossip ${command} ${printable(to)}`),
    '',
    log === undefined
      ? 'Ctrl-C stops the agent.'
      : `Stop it with: pilot-gossip stop ${printable(to)}`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}
