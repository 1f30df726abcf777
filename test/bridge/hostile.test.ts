/** Hostile clients of the bridge: the agent and the other clients must not be disturbed. */
import { connect, type Socket } from 'node:net'
import * as encoding from 'lib0/encoding'
import * as assert from 'uvu/assert'
import { WebSocket } from 'ws'
import * as Y from 'yjs'
import { deafClient, editor, RawClient, sized } from '../helpers/bridge/clients.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: hostile clients')

/** Checks that others are served: an editor receives what the agent writes. */
const worksStill = async (url: string, doc: Y.Doc, room = 'r'): Promise<void> => {
  const probe = keep(editor(url, room))
  const mark = Math.random()
  doc.getMap('probe').set('mark', mark)
  await until('another client is served', () => probe.doc.getMap('probe').get('mark') === mark)
  probe.close()
}

const malformed: readonly (readonly [string, readonly number[], number])[] = [
  ['nothing', [], 1007],
  ['a truncated varint', [0x80], 1007],
  ['a varint beyond 2^53', Array(20).fill(0xff), 1007],
  ['an unknown type', [4], 1002],
  ['a huge unknown type', [0xff, 0xff, 0xff, 0x7f], 1002],
  ['auth, which servers send', [2, 0, 1, 65], 1002],
  ['sync without a step', [0], 1007],
  ['an unknown step', [0, 3, 0], 1002],
  ['step 1 without a vector', [0, 0], 1007],
  ['step 1 with fewer bytes than its length', [0, 0, 5, 0], 1007],
  ['step 1 with more bytes than its length', [0, 0, 1, 0, 0], 1007],
  ['an empty vector', [0, 0, 0], 1007],
  ['a vector with fewer entries than its count', [0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x0f], 1007],
  ['a length of 2^52', [0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07], 1007],
  ['a query with further bytes', [3, 0], 1007],
  ['an empty update', [0, 2, 0], 4400],
  ['bytes that are not an update', [0, 2, 3, 1, 2, 3], 4400],
  ['bytes that are not an update, as step 2', [0, 1, 3, 0xff, 0xff, 0xff], 4400],
]

for (const [name, bytes, code] of malformed) {
  test(
    `cuts a client that sends ${name}`,
    withBridge(async () => {
      const { rooms, url, bridge } = await openBridge()
      const client = await RawClient.connect(`${url}/r`)
      client.send(...bytes)
      const closing = await client.closed
      assert.is(closing.code, code)
      assert.ok(closing.reason.length > 0)
      assert.is(bridge.stats().clients, 0)
      assert.is(rooms.room('r').doc.store.clients.size, 0)
    }),
  )
}

test(
  'cuts a client that sends text or breaks the WebSocket protocol',
  withBridge(async () => {
    const { rooms, url, port, bridge } = await openBridge()
    const text = await RawClient.connect(`${url}/r`)
    text.ws.send('hello')
    assert.is((await text.closed).code, 1003)
    for (const bytes of [
      [0xff, 0xff, 0xff],
      [0x82, 0x01, 0x00],
      [0xc2, 0x80, 0, 0, 0, 0],
      [0x89, 0xfe],
    ]) {
      const socket = await deafClient(port, 'r')
      socket.write(Buffer.from(bytes))
      socket.resume()
      await new Promise((resolve) => socket.on('close', resolve))
    }
    assert.is(bridge.stats().cut.malformed, 5)
    await worksStill(url, rooms.room('r').doc)
  }),
)

/** A handmade V1 update with one struct. */
const update = (writer: number, clock: number, ...struct: readonly number[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const number of [1, 1, writer, clock]) encoding.writeVarUint(encoder, number)
  for (const byte of struct) encoding.writeUint8(encoder, byte)
  encoding.writeUint8(encoder, 0) // no deletes
  return encoding.toUint8Array(encoder)
}

test(
  'cuts a client whose update gossip would refuse, and changes nothing',
  withBridge(async () => {
    const { rooms, url, problems } = await openBridge()
    const { doc } = rooms.room('r')
    doc.getMap('m').set('k', 1)
    const before = Y.encodeStateAsUpdate(doc)
    // An item (any) at the key `k` of the root `m`: nested lists.
    const lists = Array.from({ length: 3_000 }, () => [117, 1]).flat()
    const deep = update(9, 0, 0x28, 1, 1, 0x6d, 1, 0x6b, 1, ...lists, 0x7d, 1)
    const hostile: readonly (readonly [Uint8Array, string])[] = [
      [update(doc.clientID, 1, 0, 1), 'own_clock'],
      [deep, 'too_deep'],
      // A GC whose length uses up the writer's clocks.
      [update(9, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07), 'clock_jump'],
      [update(9, 0, 0, 0), 'malformed'],
    ]
    for (const [bytes, reason] of hostile) {
      const client = await RawClient.connect(`${url}/r`)
      client.send(0, 2, sized(bytes)) // before any step 1
      assert.equal(await client.closed, { code: 4400, reason })
      assert.equal(Y.encodeStateAsUpdate(doc), before)
    }
    assert.is(problems.length, hostile.length)
    assert.match(problems[0]?.message ?? '', /update of room "r" was refused/)
    await worksStill(url, doc)
  }),
)

test(
  'cuts a client whose message is too long',
  withBridge(async () => {
    const { rooms, url, bridge } = await openBridge({ limits: { frameBytes: 100_000 } })
    const long = await RawClient.connect(`${url}/r`)
    long.send(0, 1, sized(new Uint8Array(200_000)))
    assert.is((await long.closed).code, 1009)
    const parts = await RawClient.connect(`${url}/r`)
    for (let i = 0; i < 20; i++) parts.ws.send(new Uint8Array(10_000), { fin: false })
    assert.is((await parts.closed).code, 1009)
    const many = await RawClient.connect(`${url}/r`)
    for (let i = 0; i < 10_000; i++) many.ws.send(new Uint8Array(), { fin: false })
    assert.is((await many.closed).code, 1008)
    assert.is(bridge.stats().heldBytes, 0)
    await worksStill(url, rooms.room('r').doc)
  }),
)

test(
  'cuts a client that sends 100 MB, or a vector that would decode to gigabytes',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const huge = await RawClient.connect(`${url}/r`)
    huge.send(0, 1, sized(new Uint8Array(100 * 2 ** 20)))
    assert.is((await huge.closed).code, 1009)
    const vector = await RawClient.connect(`${url}/r`)
    vector.send(0, 0, sized(new Uint8Array(2 ** 20 + 1).fill(1)))
    assert.equal(await vector.closed, { code: 1009, reason: 'a state vector of 1048577 bytes' })
    await worksStill(url, rooms.room('r').doc)
  }),
)

test(
  'cuts the client with the most bytes in incomplete messages',
  withBridge(async () => {
    const limits = { heldBytes: 1_000_000, frameBytes: 500_000 }
    const { rooms, url, port, bridge } = await openBridge({ limits })
    const begin = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 7, 0, 0, 1, 2, 3, 4]) // 458,752 bytes
    const sockets: Socket[] = []
    for (let i = 0; i < 6; i++) {
      const socket = await deafClient(port, 'r')
      keep({ close: () => socket.destroy() })
      socket.resume()
      socket.write(Buffer.concat([begin, Buffer.alloc(400_000)]))
      sockets.push(socket)
    }
    await until('four are cut', () => (bridge.stats().cut.crowded ?? 0) >= 4)
    assert.ok(bridge.stats().heldBytes <= 1_000_000)
    await worksStill(url, rooms.room('r').doc)
  }),
)

test(
  'reads a flood of messages no faster than allowed',
  withBridge(async () => {
    const { rooms, url, bridge } = await openBridge({ limits: { framesPerSecond: 100 } })
    const { doc, awareness } = rooms.room('r')
    awareness.setLocalState({ name: 'x' })
    const flood = await RawClient.connect(`${url}/r`)
    for (let i = 0; i < 20_000; i++) flood.send(3)
    await until('the first are answered', () => bridge.stats().framesIn >= 200)
    for (let i = 0; i < 10; i++) await worksStill(url, doc)
    assert.ok(bridge.stats().framesIn < 10_000, `${bridge.stats().framesIn} were handled`)
    assert.ok(bridge.stats().heldBytes < 200_000, `${bridge.stats().heldBytes} bytes are held`)
    flood.ws.terminate()
    await until('it is forgotten', () => bridge.stats().clients === 0)
    assert.is(bridge.stats().heldBytes, 0)
  }),
)

test(
  'limits pings like messages, and cuts a client that does not read the answers',
  withBridge(async () => {
    const { rooms, url, port, bridge } = await openBridge({ limits: { framesPerSecond: 4 } })
    const { doc } = rooms.room('r')
    const client = await RawClient.connect(`${url}/r`)
    let pongs = 0
    client.ws.on('pong', () => pongs++)
    for (let i = 0; i < 40; i++) client.ws.ping()
    await until('some are answered', () => pongs === 40)
    for (let i = 0; i < 40; i++) client.ws.ping()
    for (let i = 0; i < 2; i++) await worksStill(url, doc)
    assert.is(pongs, 40, 'the others are read later')
    const socket = await deafClient(port, 'r')
    const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0])
    for (let i = 0; i < 50; i++) socket.write(Buffer.concat(Array(5_000).fill(ping)))
    await until('the flood is cut', () => bridge.stats().clients === 1)
    socket.destroy()
    await worksStill(url, doc)
  }),
)

test(
  'limits requests for the whole document',
  withBridge(async () => {
    const limits = { bytesPerSecond: 1_000, burstBytes: 2_000_000 }
    const { rooms, url } = await openBridge({ limits })
    const { doc } = rooms.room('r')
    doc.getText('t').insert(0, 'x'.repeat(1_000_000))
    const greedy = await RawClient.connect(`${url}/r`)
    for (let i = 0; i < 1_000; i++) greedy.send(0, 0, 1, 0)
    await until('the first are answered', () => greedy.of(0, 1).length >= 2)
    for (let i = 0; i < 10; i++) await worksStill(url, doc)
    assert.ok(greedy.of(0, 1).length <= 3, `${greedy.of(0, 1).length} were answered`)
  }),
)

test(
  'refuses too many clients of a room, clients in all, and rooms',
  withBridge(async () => {
    const limits = { clients: 4, clientsPerRoom: 2, rooms: 2 }
    const { url, bridge } = await openBridge({ limits })
    const a = await RawClient.connect(`${url}/a`)
    await RawClient.connect(`${url}/a`)
    await rejects(() => RawClient.connect(`${url}/a`), /503/)
    await RawClient.connect(`${url}/b`)
    await rejects(() => RawClient.connect(`${url}/c`), /503/)
    await RawClient.connect(`${url}/b`)
    await rejects(() => RawClient.connect(`${url}/b`), /503/)
    assert.equal(bridge.stats().refused, { 503: 3 })
    a.ws.close()
    await until('one is gone', () => bridge.stats().clients === 3)
    await RawClient.connect(`${url}/a`)
  }),
)

test(
  'ends handshakes that take too long',
  withBridge(async () => {
    const { rooms, url, port } = await openBridge({ limits: { handshakeMs: 200 } })
    let closed = 0
    for (let i = 0; i < 100; i++) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.on('close', () => closed++)
      socket.resume()
      if (i % 2 === 0) socket.write('GET /r HTTP/1.1\r\nHost: 127.0.0.1\r\n')
      keep({ close: () => socket.destroy() })
    }
    await worksStill(url, rooms.room('r').doc)
    await until('all are closed', () => closed === 100)
  }),
)

test(
  'does not negotiate permessage-deflate',
  withBridge(async () => {
    const { url } = await openBridge()
    const ws = new WebSocket(`${url}/r`, { perMessageDeflate: true })
    await new Promise((resolve) => ws.once('open', resolve))
    assert.is(ws.extensions, '')
    ws.terminate()
  }),
)

test.run()
