/**
 * The peers of an agent as a table, for the commands `peers` and `status`.
 *
 * ```ts
 * showPeers(io, agent.peers(), Date.now())
 * // PEER  STATE    HEARD    KNOWN  FAILURES
 * // b     in sync  2 s ago  heard  0
 * ```
 */
import type { PeerStatus } from '../agent/status.ts'
import type { Io } from './io.ts'
import { count, printable, showKey, styler, table } from './text.ts'

/** `3 s ago`, `2 h ago`; `never`. */
export const showAge = (time: string | null, now: number): string => {
  if (time === null) return 'never'
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000))
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  return seconds < 86_400
    ? `${Math.floor(seconds / 3600)} h ago`
    : `${count(Math.floor(seconds / 86_400), 'day')} ago`
}

/** Codes of a failed send that mean that the peer is gone, not that the network is bad. */
const GONE: ReadonlySet<string> = new Set(['not_found', 'not_running'])

/** The state of a peer in one word. `pending`: it has not reported its state since the last change here. */
const stateOf = ({ failures, failure, isGreyListed, lastHeard, inSync }: PeerStatus): string => {
  if (isGreyListed) return 'ignored'
  if (failures > 0) return failure && GONE.has(failure.code) ? 'gone' : 'failing'
  if (lastHeard === null) return 'not heard'
  if (inSync === null) return 'pending'
  return inSync ? 'in sync' : 'differs'
}

/** `now` in Unix milliseconds. */
export const showPeers = (io: Io, peers: readonly PeerStatus[], now: number): string => {
  const style = styler(io.hasColors)
  const rows = peers.map((peer) => [
    showKey(peer.address),
    stateOf(peer),
    showAge(peer.lastHeard, now),
    printable(peer.isReadOnly ? `${peer.source}, read-only` : peer.source),
    String(peer.failures),
  ])
  const shown = table(['PEER', 'STATE', 'HEARD', 'KNOWN', 'FAILURES'], rows, {
    head: (line) => style('bold', line),
  })
  return shown + peers.map(showGrey).join('') + peers.map(showFailure).join('')
}

/** A line below the table for a peer whose messages are dropped unread. */
const showGrey = ({ address, isGreyListed, scoreReason = 'rejected' }: PeerStatus): string =>
  isGreyListed
    ? `${printable(`${address}: ignored for a while, as too many of its messages were rejected (${scoreReason})`)}\n`
    : ''

/** A line below the table for a peer that fails: the reason, and what to do. */
const showFailure = ({ address, failure }: PeerStatus): string => {
  if (!failure) return ''
  const { message, hint } = failure
  const advice = hint === undefined ? '' : ` (${hint})`
  return `${printable(`${address}: ${message}${advice}`)}\n`
}
