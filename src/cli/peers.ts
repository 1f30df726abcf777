/** What `peers` prints. */
import type { PeerStatus } from '../agent/status.ts'
import type { Answered } from './grammar.ts'
import { showPeers } from './peer-table.ts'
import { printable } from './text.ts'

export const showAll = ({ context: { io }, data }: Answered): string => {
  const peers = data.peers as readonly PeerStatus[]
  const banned = (data.banned ?? []) as readonly string[]
  const below = banned.map((address) => `${printable(address)}: banned\n`).join('')
  if (peers.length > 0) return showPeers(io, peers, Date.now()) + below
  io.err('no peers yet\n')
  return below
}
