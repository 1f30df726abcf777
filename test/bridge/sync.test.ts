/** The unmodified y-websocket client against the bridge. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { editor, RawClient, sized } from '../helpers/bridge/clients.ts'
import { TestRooms } from '../helpers/bridge/rooms.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: sync')

const json = (doc: Y.Doc) => doc.getMap('m').toJSON()

test(
  'two clients and the document of the room converge',
  withBridge(async () => {
    const { rooms, url, bridge } = await openBridge()
    const server = rooms.room('notes').doc
    server.getMap('m').set('agent', 1)
    const a = keep(editor(url, 'notes'))
    a.doc.getMap('m').set('a', 1) // before it is connected
    const b = keep(editor(url, 'notes'))
    await until('both are synced', () => a.provider.synced && b.provider.synced)
    b.doc.getMap('m').set('b', 1)
    server.getMap('m').set('later', 2)
    const all = { agent: 1, a: 1, b: 1, later: 2 }
    for (const doc of [server, a.doc, b.doc]) {
      await until('all have all', () => Object.keys(json(doc)).length === 4)
      assert.equal(json(doc), all)
    }
    b.doc.getMap('m').delete('a')
    await until('it is deleted', () => !server.getMap('m').has('a') && !a.doc.getMap('m').has('a'))
    // Updates that wait in a document, or were applied twice, would show here.
    assert.equal(Y.encodeStateVector(a.doc), Y.encodeStateVector(server))
    assert.is(bridge.stats().clients, 2)
    assert.is(bridge.stats().rooms, 1)
  }),
)

test(
  'a late client receives everything; text that two type at once merges',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const a = keep(editor(url, 'text'))
    const b = keep(editor(url, 'text'))
    await until('both are synced', () => a.provider.synced && b.provider.synced)
    for (let i = 0; i < 100; i++) {
      a.doc.getText('t').insert(0, 'a')
      b.doc.getText('t').insert(b.doc.getText('t').length, 'b')
    }
    const text = (doc: Y.Doc) => doc.getText('t').toString()
    const server = rooms.room('text').doc
    await until('they are one', () => text(server).length === 200 && text(a.doc) === text(b.doc))
    const late = keep(editor(url, 'text'))
    await until('the late one is synced', () => late.provider.synced)
    assert.is(text(late.doc), text(server))
    assert.is(text(a.doc), text(server))
  }),
)

test(
  'clients reconnect after a restart, and bring what they changed meanwhile',
  withBridge(async () => {
    const rooms = new TestRooms()
    keep({ close: () => rooms.destroy() })
    const first = await openBridge({ rooms })
    const a = keep(editor(first.url, 'notes'))
    await until('it is synced', () => a.provider.synced)
    await first.bridge.close()
    await until('it has noticed', () => !a.provider.wsconnected)
    a.doc.getMap('m').set('offline', true)
    a.provider.awareness.setLocalState({ name: 'a' })
    rooms.room('notes').doc.getMap('m').set('meanwhile', true)
    const { bridge } = await openBridge({ rooms, port: first.port })
    await until('it is synced again', () => a.provider.synced)
    const all = { offline: true, meanwhile: true }
    await until('the document has it', () => rooms.room('notes').doc.getMap('m').size === 2)
    assert.equal(json(a.doc), all)
    assert.is(bridge.stats().clients, 1)
    await until('it is shown again', () => rooms.room('notes').awareness.getStates().size === 1)
  }),
)

test(
  'rooms can have any name, and share nothing',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const names = ['a/b/c', 'Größe/日本 🐝', '__proto__', 'constructor', 'a%2Fb'] as const
    for (const name of names) {
      const client = keep(editor(url, encodeURIComponent(name)))
      client.doc.getMap('m').set('name', name)
    }
    // y-websocket puts the name into the address as it is.
    const plain = keep(editor(url, 'a/b/c'))
    for (const name of names) {
      const { doc } = rooms.room(name)
      await until(`room ${name} has it`, () => doc.getMap('m').size === 1)
      assert.equal(json(doc), { name })
    }
    await until('slashes may be plain', () => plain.doc.getMap('m').get('name') === 'a/b/c')
    assert.equal([...new Set(rooms.opened)].sort(), [...names].sort())
  }),
)

test(
  'messages wait until the room is open',
  withBridge(async () => {
    const rooms = new TestRooms()
    keep({ close: () => rooms.destroy() })
    let openGate: () => void = () => undefined
    rooms.gate = new Promise((resolve) => {
      openGate = resolve
    })
    const { url } = await openBridge({ rooms })
    const client = await RawClient.connect(`${url}/slow`)
    const doc = new Y.Doc()
    doc.getMap('m').set('early', 1)
    client.send(0, 2, sized(Y.encodeStateAsUpdate(doc)))
    client.send(0, 0, 1, 0)
    await until('the room is being opened', () => rooms.opened.length === 1)
    assert.is(client.frames.length, 0)
    openGate()
    await until('step 1 is answered', () => client.of(0, 1).length === 1)
    assert.equal(json(rooms.room('slow').doc), { early: 1 })
    assert.equal(json(client.document()), { early: 1 })
    assert.is(client.of(0, 0).length, 1, 'and it is asked itself')
  }),
)

test(
  'sends an update not back to its sender, but updates that waited for it',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const doc = new Y.Doc()
    const updates: Uint8Array[] = []
    doc.on('update', (update: Uint8Array) => updates.push(update))
    doc.getMap('m').set('k', 1)
    doc.getMap('m').set('k', 2)
    const [one, two] = updates as [Uint8Array, Uint8Array]
    const first = await RawClient.connect(`${url}/r`)
    const second = await RawClient.connect(`${url}/r`)
    second.send(0, 2, sized(two))
    second.send(3)
    second.send(0, 0, 1, 0)
    await until('the second is handled', () => second.of(0, 1).length === 1)
    assert.equal(json(rooms.room('r').doc), {}, 'it waits')
    first.send(0, 2, sized(one))
    await until('it gets what it lacks', () => first.of(0, 2).length === 1)
    const known = first.document()
    Y.applyUpdate(known, one)
    assert.equal(json(known), { k: 2 })
    await until('the other gets both', () => json(second.document()).k === 2)
    const before = second.of(0, 2).length
    doc.getMap('m').set('k', 3)
    first.send(0, 2, sized(updates[2]!))
    first.send(0, 0, 1, 0)
    await until('the third is handled', () => first.of(0, 1).length === 1)
    assert.is(first.of(0, 2).length, 1, 'its own is not sent back')
    await until('the other gets it', () => second.of(0, 2).length > before)
  }),
)

test(
  'read-only: sends changes, refuses changes of clients, and relays awareness',
  withBridge(async () => {
    const { rooms, url } = await openBridge({ readOnly: true })
    const server = rooms.room('r')
    server.doc.getMap('m').set('k', 1)
    const a = keep(editor(url, 'r'))
    a.doc.getMap('m').set('mine', 1)
    a.provider.awareness.setLocalState({ name: 'a' })
    await until('it is synced', () => a.provider.synced)
    server.doc.getMap('m').set('k', 2)
    await until('it sees changes', () => a.doc.getMap('m').get('k') === 2)
    await until('it is seen', () => server.awareness.getStates().size === 1)
    const raw = await RawClient.connect(`${url}/r`)
    for (const step of [1, 2]) raw.send(0, step, sized(Y.encodeStateAsUpdate(a.doc)))
    raw.send(0, 0, 1, 0)
    await until('step 1 is answered', () => raw.of(0, 1).length === 1)
    assert.is(raw.of(2, 0).length, 1, 'the client is denied once')
    assert.equal(json(server.doc), { k: 2 })
  }),
)

test(
  'closes the clients of a room that is closed or cannot be opened',
  withBridge(async () => {
    const { rooms, url, bridge, problems } = await openBridge()
    const client = await RawClient.connect(`${url}/gone`)
    await until('it is in', () => client.frames.length > 0)
    rooms.room('gone').doc.destroy()
    assert.is((await client.closed).code, 1001)
    const forbidden = await RawClient.connect(`${url}/forbidden`)
    assert.equal(await forbidden.closed, {
      code: 4400,
      reason: 'invalid_argument: room "forbidden" is no room',
    })
    const full = await RawClient.connect(`${url}/full`)
    assert.is((await full.closed).code, 1013)
    assert.is(problems.length, 2)
    assert.is(bridge.stats().rooms, 0)
    assert.equal(bridge.stats().cut, { room_closed: 1, room_refused: 2 })
  }),
)

test.run()
