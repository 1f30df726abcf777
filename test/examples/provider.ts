/**
 * One document, shared without a server. In two terminals; Ctrl-C ends each:
 *
 *     node --import tsx test/examples/provider.ts anna
 *     node --import tsx test/examples/provider.ts bert
 *
 * Over Pilot, use `new PilotTransport({ swarm: 'kv' })` instead of the folder.
 */
import { MailboxTransport, PilotGossipProvider } from 'pilot-gossip'
import * as Y from 'yjs'

const [name = 'anna', dir = '/tmp/notes'] = process.argv.slice(2)
const doc = new Y.Doc()
const provider = new PilotGossipProvider(new MailboxTransport({ dir, address: name }), 'notes', doc)
const text = doc.getText('text')
text.observe(() => console.log(text.toString()))
await provider.whenSynced // everything that one live peer had is here
text.insert(text.length, `${name} was here. `)
process.once('SIGINT', () => provider.destroy())
