/** The command `peers`: whom the agent knows, and how it stands with them. */
import type { PeerStatus } from '../status.ts'
import { type Context, report } from './report.ts'
import { showAge } from './status.ts'
import { reach, type TargetOptions } from './target.ts'
import { printable, showKey, styler, table } from './text.ts'

/** One word or two: what is most worth knowing of a peer. */
const stateOf = ({ failures, lastHeard, inSync }: PeerStatus): string => {
  if (failures > 0) return 'failing'
  if (lastHeard === null) return 'not heard'
  return inSync ? 'in sync' : 'differs'
}

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
    if (all.length === 0) {
      io.err('no peers yet\n')
      return ''
    }
    const style = styler(io.hasColors)
    const now = Date.now()
    const rows = all.map((peer) => [
      showKey(peer.address),
      stateOf(peer),
      showAge(peer.lastHeard, now),
      printable(peer.source),
      String(peer.failures),
    ])
    return table(['PEER', 'STATE', 'HEARD', 'KNOWN', 'FAILURES'], rows, {
      head: (line) => style('bold', line),
    })
  })
}
