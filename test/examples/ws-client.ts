/**
 * A program that uses y-websocket and knows nothing of pilot-gossip: it writes one key of the
 * swarm's map and prints every change, until Ctrl-C.
 *
 *     pilot-gossip run --swarm kv --ws 1234
 *     node --import tsx test/examples/ws-client.ts ws://127.0.0.1:1234 kv greeting hello
 *     pilot-gossip get greeting --swarm kv        # at this agent, or any other of the swarm
 *
 * The room that is named like the swarm holds the agent's maps, each a root `Y.Map`.
 */
import { WebSocket } from 'ws'
import { WebsocketProvider } from 'y-websocket'
import * as Y from 'yjs'

const [url = 'ws://127.0.0.1:1234', room = 'kv', key = 'greeting', value = 'hello'] =
  process.argv.slice(2)
const doc = new Y.Doc()
const provider = new WebsocketProvider(url, room, doc, {
  // Node has no WebSocket of its own before version 22.
  WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
})
const state = doc.getMap('state')
state.observe(({ keysChanged }) => {
  for (const name of keysChanged) console.log(name, '=', JSON.stringify(state.get(name)))
})
provider.once('sync', () => state.set(key, value))
process.once('SIGINT', () => {
  provider.destroy()
  provider.awareness.destroy() // otherwise its timer keeps the process alive
})
