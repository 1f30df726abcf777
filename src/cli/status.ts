/** The command `status`: what the running agent knows of itself and of its peers. */

import type { AgentStatus } from '../agent/status.ts'
import { ControlClient } from '../control/client.ts'
import { showPeers } from './peer-table.ts'
import { type Context, report } from './report.ts'
import { findTarget, type TargetOptions } from './target.ts'
import { count, printable, showKey, styler, table } from './text.ts'

export const status = async (context: Context, options: TargetOptions): Promise<void> => {
  const { dir, swarm } = await findTarget(options, context.io.env)
  const data = await new ControlClient(dir).ask({
    command: 'status',
    ...(swarm !== undefined && { swarm }),
  })
  report(context, data, () => showStatus(context, dir, data as unknown as AgentStatus))
}

const showCounters = ({ counters, waiting }: AgentStatus): string[] => {
  const { pushesSent, pushesReceived, bytesSent, bytesReceived } = counters
  const { redundant, gaps, sendsFailed, rejected } = counters
  const refused = Object.entries(rejected).map(([reason, times]) => `${times} ${reason}`)
  return [
    `sent      ${count(pushesSent, 'push', 'pushes')}, ${count(bytesSent, 'byte')}, ${sendsFailed} failed`,
    `received  ${count(pushesReceived, 'push', 'pushes')}, ${count(bytesReceived, 'byte')}, ${redundant} redundant, ${count(gaps, 'gap')}`,
    `rejected  ${refused.length > 0 ? refused.join(', ') : 'none'}`,
    `waiting   ${count(waiting, 'update')}`,
  ].map((line) => printable(line))
}

const showDiverged = ({ diverged = [] }: AgentStatus): string[] =>
  diverged.map(({ peer, writers }) => {
    const whose = writers.length > 0 ? ` of what writer ${writers.join(', ')} wrote` : ''
    return `diverged  ${printable(peer)} holds something else${whose}, under the same digest`
  })

/** Of what is not published yet: how much, and what it waits for. */
const showWithheld = ({ withheld, isUnproven }: AgentStatus): string[] => {
  if (withheld) {
    const { changes, until } = withheld
    const time = until.slice(11, 19)
    return [`withheld  ${count(changes, 'change')}, until a peer answers, or ${time} UTC`]
  }
  return isUnproven ? ['writer    no peer has shown that it is used here alone'] : []
}

const showStatus = ({ io }: Context, dir: string, status: AgentStatus): string => {
  const style = styler(io.hasColors)
  const options = { head: (line: string) => style('bold', line) }
  const maps = status.maps.map(({ name, keys }) => [showKey(name), String(keys)])
  const head = [
    `swarm     ${status.swarm}`,
    `node      ${printable(status.node || 'not known yet')} (${status.transport})`,
    `data      ${printable(dir)}`,
    `version   ${status.version}`,
    `digest    ${status.digest}`,
    ...showWithheld(status),
    ...showDiverged(status),
    ...(status.waitsFor ? [`waits     ${printable(status.waitsFor.message)}`] : []),
  ]
  return [
    [...head, ...showCounters(status)].map((line) => `${line}\n`).join(''),
    maps.length > 0 ? table(['MAP', 'KEYS'], maps, options) : 'no maps yet\n',
    status.peers.length > 0 ? showPeers(io, status.peers, Date.now()) : 'no peers yet\n',
  ].join('\n')
}
