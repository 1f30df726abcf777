/** The command `peers`: whom the agent knows, and how it stands with them. */
import type { PeerStatus } from '../agent/status.ts'
import { showPeers } from './peer-table.ts'
import { type Context, report } from './report.ts'
import { reach, type TargetOptions } from './target.ts'

export const peers = async (
  context: Context,
  _args: readonly string[],
  options: TargetOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'peers', ...common })
  report(context, data, () => {
    const { io } = context
    const all = data.peers as readonly PeerStatus[]
    if (all.length > 0) return showPeers(io, all, Date.now())
    io.err('no peers yet\n')
    return ''
  })
}
