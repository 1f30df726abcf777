/**
 * One of two clients that type into a document, each in a process of its own. The parent sends
 * `{ type }` messages; times are those of the monotonic clock, which all processes of a host share.
 *
 *     node typing-process.mjs y-websocket URL
 *     node typing-process.mjs provider ROOT SUFFIX MAILBOX NAME
 */
import { setTimeout } from 'node:timers/promises'
import { WebSocket } from 'ws'
import * as Y from 'yjs'

const [kind, ...args] = process.argv.slice(2)
const doc = new Y.Doc()
const text = doc.getText('text')

/** Milliseconds. */
const now = () => Number(process.hrtime.bigint()) / 1e6

if (kind === 'y-websocket') {
  const { WebsocketProvider } = await import('y-websocket')
  const [, url, room] = /^(.*)\/(.*)$/.exec(args[0])
  new WebsocketProvider(url, room, doc, { WebSocketPolyfill: WebSocket, disableBc: true })
} else {
  const [root, suffix, dir, address] = args
  const { MailboxTransport, PilotGossipProvider } = await import(`${root}/index${suffix}`)
  new PilotGossipProvider(new MailboxTransport({ dir, address }), 'notes', doc)
}

/** When each keystroke was typed here, and when each of the other client was seen. */
const typed = []
const seen = []
let other = 0
doc.on('afterTransaction', () => {
  const time = now()
  while (seen.length < Y.getState(doc.store, other)) seen.push(time)
})

const type = async ({ rate, seconds, wait }) => {
  const start = now() + wait
  for (let at = 0; at < rate * seconds; at++) {
    await setTimeout(start + (at * 1_000) / rate - now())
    typed.push(now())
    text.insert(text.length, 'x')
  }
  process.send({ type: 'typed' })
}

process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message.type === 'meet') other = message.other
  else if (message.type === 'type') void type(message)
  else process.send({ type: 'report', typed, seen, text: text.toString() })
})
process.send({ type: 'ready', client: doc.clientID })
console.log('ready')
