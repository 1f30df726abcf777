/** What the bridge sends to all clients: ready for the wire, and gathered while a room is busy. */
import type { Writable } from 'node:stream'
import * as assert from 'uvu/assert'
import * as ws from 'ws'
import * as Y from 'yjs'
import { messageOf } from '../../src/bridge/frames.ts'
import { type Broadcast, Hub, type HubClient } from '../../src/bridge/hub.ts'
import { TestRooms } from '../helpers/bridge/rooms.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

/** Reads messages as `ws` does; its types leave it out. */
const { Receiver } = ws as unknown as { readonly Receiver: new () => Writable }

const test = suite('bridge: broadcast')

test('messageOf: ws reads the same frame, whatever its length', () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536]) {
    const frame = Buffer.alloc(length, 7)
    const receiver = new Receiver()
    const read: Buffer[] = []
    receiver.on('message', (data: Buffer) => read.push(data))
    receiver.write(messageOf(frame))
    assert.is(read.length, 1)
    assert.ok(frame.equals(read[0]!), `${length} bytes`)
  }
})

class Client implements HubClient {
  readonly writes: Broadcast[] = []
  send(): void {}
  broadcast(messages: Broadcast): void {
    this.writes.push(messages)
  }
  dismiss(): void {}
  get frames(): number {
    return this.writes.reduce((sum, { frames }) => sum + frames, 0)
  }
}

const updates = (count: number): Uint8Array[] => {
  const doc = new Y.Doc()
  const made: Uint8Array[] = []
  doc.on('update', (update) => made.push(update))
  for (let at = 0; at < count; at++) doc.getMap('m').set(`k${at}`, at)
  return made
}

test('hub: the first change is written at once, the next ones together, none to its sender', async () => {
  const rooms = new TestRooms()
  const hub = new Hub(rooms.room('notes'))
  const [sender, other] = [new Client(), new Client()]
  for (const client of [sender, other]) hub.join(client)
  const [first, ...next] = updates(5)
  hub.accept(first!, sender)
  assert.is(other.writes.length, 1)
  for (const update of next) hub.accept(update, sender)
  assert.is(other.writes.length, 1)
  await until('the other changes', () => other.writes.length === 2)
  assert.is(other.frames, 5)
  assert.is(sender.frames, 0)
  for (const client of [sender, other]) hub.leave(client)
  rooms.destroy()
})

test('hub: what waits is written before the room goes', () => {
  const rooms = new TestRooms()
  const hub = new Hub(rooms.room('notes'))
  const [sender, other] = [new Client(), new Client()]
  for (const client of [sender, other]) hub.join(client)
  for (const update of updates(3)) hub.accept(update, sender)
  rooms.destroy()
  assert.ok(other.frames >= 3, 'the awareness may follow')
})

test.run()
