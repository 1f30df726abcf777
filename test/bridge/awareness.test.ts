/** Awareness of unmodified y-websocket clients, and of clients that set states of others. */
import * as encoding from 'lib0/encoding'
import * as assert from 'uvu/assert'
import { Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { AwarenessGuard } from '../../src/bridge/awareness-guard.ts'
import { BRIDGE_LIMITS } from '../../src/bridge/index.ts'
import { editor, RawClient, sized } from '../helpers/bridge/clients.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: awareness')

type Entry = readonly [id: number, clock: number, json: string]

const encoded = (...entries: readonly Entry[]): Uint8Array => {
  const encoder = encoding.createEncoder()
  encoding.writeVarUint(encoder, entries.length)
  for (const [id, clock, json] of entries) {
    encoding.writeVarUint(encoder, id)
    encoding.writeVarUint(encoder, clock)
    encoding.writeVarString(encoder, json)
  }
  return encoding.toUint8Array(encoder)
}

const sendStates = (client: RawClient, ...entries: readonly Entry[]): void =>
  client.send(1, sized(encoded(...entries)))

/** Resolves when everything that the client sent was handled. */
const handled = async (client: RawClient): Promise<void> => {
  const before = client.of(0, 1).length
  client.send(0, 0, 1, 0)
  await until('it is handled', () => client.of(0, 1).length > before)
}

test(
  'all clients see a client that joins, and see it leave',
  withBridge(async () => {
    const { rooms, url } = await openBridge()
    const room = rooms.room('r')
    room.awareness.setLocalState({ name: 'agent' })
    const a = keep(editor(url, 'r'))
    a.provider.awareness.setLocalState({ name: 'a' })
    const b = keep(editor(url, 'r'))
    b.provider.awareness.setLocalState({ name: 'b' })
    const names = (awareness: Awareness) =>
      [...awareness.getStates().values()].map(({ name }) => name).sort()
    for (const awareness of [room.awareness, a.provider.awareness, b.provider.awareness]) {
      await until('all see all', () => awareness.getStates().size === 3)
      await until('and their names', () => !names(awareness).includes(undefined))
      assert.equal(names(awareness), ['a', 'agent', 'b'])
    }
    a.provider.awareness.setLocalStateField('name', 'A')
    await until('a change is seen', () => names(b.provider.awareness).includes('A'))
    a.provider.ws?.close() // as when the network goes
    await until('it vanishes', () => !names(b.provider.awareness).includes('A'))
    await until('it is back at once', () => names(b.provider.awareness).includes('A'))
    a.provider.destroy()
    await until('it vanishes', () => names(b.provider.awareness).join() === 'agent,b')
    assert.equal(names(room.awareness), ['agent', 'b'])
  }),
)

test(
  'a client sets only its own state',
  withBridge(async () => {
    const { rooms, url, bridge } = await openBridge()
    const { awareness } = rooms.room('r')
    awareness.setLocalState({ name: 'agent' })
    const honest = await RawClient.connect(`${url}/r`)
    sendStates(honest, [7, 3, '{"name":"seven"}'])
    await handled(honest)
    const hostile = await RawClient.connect(`${url}/r`)
    const clock = awareness.meta.get(7)!.clock
    const own = awareness.clientID
    sendStates(
      hostile,
      [7, clock, 'null'],
      [7, clock + 1, 'null'],
      [7, clock + 1, '{"name":"not"}'],
    )
    sendStates(hostile, [7, 2 ** 52, '{}'], [own, 2 ** 30, 'null'], [own, 2 ** 30, '{}'])
    await handled(hostile)
    assert.equal(awareness.getStates().get(7), { name: 'seven' })
    assert.equal(awareness.getLocalState(), { name: 'agent' })
    assert.is(awareness.meta.get(7)?.clock, clock)
    assert.is(bridge.stats().ignoredAwareness, 6)
    // y-websocket clients send back what they receive, which is not counted.
    sendStates(hostile, [7, clock, '{"name":"seven"}'])
    await handled(hostile)
    assert.is(bridge.stats().ignoredAwareness, 6)
    hostile.ws.close()
    await hostile.closed
    assert.equal(awareness.getStates().get(7), { name: 'seven' })
    honest.ws.close()
    await until('it goes with its own connection', () => !awareness.getStates().has(7))
    assert.equal(awareness.getLocalState(), { name: 'agent' })
  }),
)

test(
  'ignores an invalid state, and cuts a client whose message cannot be read',
  withBridge(async () => {
    const { rooms, url, bridge } = await openBridge({ limits: { awarenessIds: 3 } })
    const { awareness } = rooms.room('r')
    const client = await RawClient.connect(`${url}/r`)
    sendStates(client, [1, 1, '{"a":1}'])
    const deep = `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`
    const bad = [`"${'x'.repeat(16_384)}"`, deep, '[]', '1', '"x"']
    bad.forEach((json, index) => {
      sendStates(client, [1, 10 + index, json])
    })
    sendStates(client, [1, 2 ** 41, '{}'])
    sendStates(client, [2, 1, '{}'], [3, 1, '{}'], [4, 1, '{}'], [5, 1, '{}'])
    await handled(client)
    assert.is(bridge.stats().ignoredAwareness, bad.length + 3)
    assert.equal([...awareness.getStates()].sort(), [
      [1, { a: 1 }],
      [2, {}],
      [3, {}],
    ])
    const broken = [
      encoded([1, 99, '{']),
      encoded([1, 99, '']),
      encoded([1, 1, '{}']).subarray(0, 3),
      Buffer.concat([encoded([1, 1, '{}']), Buffer.of(0)]),
      Uint8Array.of(1, 1, 99, 2, 0xff, 0xff),
      Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x7f),
      Uint8Array.of(1, ...Array(9).fill(0xff), 0x7f, 0, 2, 123, 125),
    ]
    for (const bytes of broken) {
      const other = await RawClient.connect(`${url}/other`)
      other.send(1, sized(bytes))
      assert.is((await other.closed).code, 1007)
    }
    assert.is(client.closing, undefined)
  }),
)

const pair = () => {
  const awareness = new Awareness(new Y.Doc())
  awareness.setLocalState(null)
  const owners = new Map<number, AwarenessGuard>()
  const guard = () => new AwarenessGuard(awareness, owners, BRIDGE_LIMITS)
  const receive = (from: AwarenessGuard, ...entries: readonly Entry[]) => {
    const { update } = from.check(encoded(...entries))
    if (update) applyAwarenessUpdate(awareness, update, from)
    return update !== undefined
  }
  keep({ close: () => awareness.destroy() })
  return { awareness, guard, receive }
}

test(
  'merges every new state of its owner, and ignores the same state again',
  withBridge(async () => {
    const { awareness, guard, receive } = pair()
    const first = guard()
    assert.ok(receive(first, [1, 5, '{"x":1}']))
    assert.is(awareness.meta.get(1)?.clock, 6, 'others may know clock 5 from before')
    assert.not(receive(first, [1, 6, '{"x":1}']), 'sent back')
    assert.not(receive(first, [1, 5, '{"x":1}']))
    assert.ok(receive(first, [1, 6, '{"x":2}']), 'it did not know that we are at 6')
    assert.equal(awareness.getStates().get(1), { x: 2 })
    assert.ok(receive(first, [1, 9, '{"x":2}']), 'a renewal')
    assert.ok(receive(first, [1, 9, 'null']))
    assert.not(awareness.getStates().has(1))
    assert.not(receive(first, [1, 9, 'null']))
    assert.ok(receive(first, [1, 9, '{"x":3}']), 'it shows itself again')
    first.release('test')
    assert.not(awareness.getStates().has(1))
    const second = guard()
    assert.ok(receive(second, [1, 9, '{"x":3}']), 'it comes back with its old clock')
    assert.not(receive(first, [1, 100, '{"x":4}']), 'the old connection has lost it')
  }),
)

test(
  'limits the rise of clocks and the number of remembered ids',
  withBridge(async () => {
    const { awareness, guard, receive } = pair()
    const hostile = guard()
    assert.ok(receive(hostile, [1, 2 ** 40, '{}']))
    assert.not(receive(hostile, [1, 2 ** 53 - 1, '{"a":1}']))
    assert.ok(
      receive(hostile, [1, 2 ** 40 + 2 ** 20, '{"a":1}']),
      'a later client can still raise it',
    )
    hostile.release('test')
    for (let round = 0; round < 400; round++) {
      const one = guard()
      for (let id = 0; id < 32; id++) receive(one, [1_000 + round * 32 + id, 1, '{}'])
      one.release('test')
    }
    assert.is(awareness.getStates().size, 0)
    assert.ok(awareness.meta.size < 5_000, `${awareness.meta.size} are remembered`)
  }),
)

test.run()
