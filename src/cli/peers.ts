/** What `peers` prints. */
import type { PeerStatus } from '../agent/status.ts'
import type { Answered } from './grammar.ts'
import { showPeers } from './peer-table.ts'

export const showAll = ({ context: { io }, data }: Answered): string => {
  const peers = data.peers as readonly PeerStatus[]
  if (peers.length > 0) return showPeers(io, peers, Date.now())
  io.err('no peers yet\n')
  return ''
}
