/** The seed's rule in this process: JSON text with a version, merged if the version is larger. */
import { ScalarReplica } from '../../crdt/index.ts'
import { type Engine, textOf } from './engine.ts'

export const scalar: Engine = {
  name: 'scalar',
  about:
    "the seed's rule: JSON with one number, deep merge when it is larger; always the whole state",
  converges: false,
  create(writer) {
    const replica = new ScalarReplica()
    const push = () =>
      JSON.stringify({
        type: 'gossip_push',
        ...replica.push(),
        sender: `agent-${writer}`,
        timestamp: '1750000000',
      })
    return {
      set(entries) {
        // One write for each entry would copy the state each time; the version counts them all.
        const version = replica.version + entries.length
        replica.receive({ version, state: Object.fromEntries(entries) })
      },
      encodeState: push,
      takeChanges: push,
      receive(message) {
        replica.receive(JSON.parse(textOf(message)))
      },
      read: () => new Map(Object.entries(replica.state)),
    }
  },
}
