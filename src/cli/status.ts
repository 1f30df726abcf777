/** What `status` prints: the agent's own state, its counters, its maps and its peers. */
import type { AgentStatus } from '../agent/status.ts'
import { acceptWords } from './accept-words.ts'
import type { Answered } from './grammar.ts'
import { showPeers } from './peer-table.ts'
import { OPEN, SEALED, UNSEALED } from './secret-words.ts'
import { count, printable, showKey, styler, table } from './text.ts'

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

const showSecret = ({ secret, accept }: AgentStatus): string[] => {
  if (secret === undefined) return [`secret    ${accept ? UNSEALED : OPEN}`]
  const { secrets, former, refused } = secret
  const times = Object.entries(refused).filter(([, count]) => count > 0)
  const shown = times.map(([reason, count]) => `${count} ${reason}`).join(', ')
  const lag = former.length > 0 ? `; not yet the new one: ${former.join(', ')}` : ''
  const all = `secret    ${SEALED}${secrets > 1 ? ', two secrets are valid' : ''}${lag}`
  return [printable(all), ...(times.length > 0 ? [`refused   ${shown}`] : [])]
}

const showDiverged = ({ diverged = [] }: AgentStatus): string[] =>
  diverged.map(({ peer, writers }) => {
    const whose = writers.length > 0 ? ` of what writer ${writers.join(', ')} wrote` : ''
    return `diverged  ${printable(peer)} holds something else${whose}, under the same digest`
  })

/** How many changes are not published yet, and what they wait for. */
const showWithheld = ({ withheld, isUnproven }: AgentStatus): string[] => {
  if (withheld) {
    const { changes, until } = withheld
    const time = until.slice(11, 19)
    return [`withheld  ${count(changes, 'change')}, until a peer answers, or ${time} UTC`]
  }
  return isUnproven ? ['writer    no peer has shown that it is used here alone'] : []
}

export const showStatus = ({ context: { io }, dir, data }: Answered): string => {
  const status = data as unknown as AgentStatus
  const style = styler(io.hasColors)
  const options = { head: (line: string) => style('bold', line) }
  const maps = status.maps.map(({ name, keys }) => [showKey(name), String(keys)])
  const head = [
    `swarm     ${status.swarm}`,
    `node      ${printable(status.node || 'not known yet')} (${status.transport})`,
    `data      ${printable(dir)}`,
    `version   ${status.version}`,
    `digest    ${status.digest}`,
    ...showSecret(status),
    ...showWithheld(status),
    ...showDiverged(status),
    ...(status.accept ? [`accepts   ${acceptWords(status.accept)}`] : []),
    ...(status.readOnly ? ['writes    nothing: it is read-only'] : []),
    ...(status.waitsFor ? [`waits     ${printable(status.waitsFor.message)}`] : []),
  ]
  return [
    [...head, ...showCounters(status)].map((line) => `${line}\n`).join(''),
    maps.length > 0 ? table(['MAP', 'KEYS'], maps, options) : 'no maps yet\n',
    status.peers.length > 0 ? showPeers(io, status.peers, Date.now()) : 'no peers yet\n',
  ].join('\n')
}
