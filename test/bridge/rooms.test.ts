/** The bridge closes a room when its last client has left. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Agent } from '../../src/agent/agent.ts'
import { Bridge, type ServedRoom } from '../../src/bridge/index.ts'
import { Failure } from '../../src/errors.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { editor, RawClient } from '../helpers/bridge/clients.ts'
import { TestRooms } from '../helpers/bridge/rooms.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { FakeTimers } from '../helpers/fake-timers.ts'
import { inFolder } from '../helpers/folder.ts'
import { gate } from '../helpers/gate.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: rooms')

/** Rooms that count how often they are opened and closed. */
class CountedRooms extends TestRooms {
  readonly closed: string[] = []

  override async open(name: string): Promise<ServedRoom> {
    const room = await super.open(name)
    return {
      doc: room.doc,
      get awareness() {
        return room.awareness
      },
      accept: (update, origin) => room.accept(update, origin),
      close: async () => {
        this.closed.push(name)
        if (name === 'broken') throw new Failure('disk_full', 'no space')
      },
    }
  }
}

const counted = async () => {
  const rooms = new CountedRooms()
  keep({ close: () => rooms.destroy() })
  return { ...(await openBridge({ rooms })), rooms }
}

const enter = async (url: string, room: string): Promise<RawClient> => {
  const client = await RawClient.connect(`${url}/${room}`)
  await until(`a client is in ${room}`, () => client.frames.length > 0)
  return client
}

const leave = async (client: RawClient): Promise<void> => {
  client.ws.close()
  await client.closed
}

test(
  'closes a room once, after its last client, and opens it again for the next',
  withBridge(async () => {
    const { rooms, url } = await counted()
    const [one, two] = [await enter(url, 'r'), await enter(url, 'r')]
    await leave(one)
    const other = await enter(url, 's')
    await leave(other)
    await until('the other room is closed', () => rooms.closed.length > 0)
    assert.equal(rooms.closed, ['s'])
    await leave(two)
    await until('it is closed', () => rooms.closed.length > 1)
    assert.equal(rooms.closed, ['s', 'r'])
    const again = await enter(url, 'r')
    assert.equal(rooms.opened, ['r', 's', 'r'])
    await leave(again)
  }),
)

test(
  'closes a room whose clients leave while it is being opened',
  withBridge(async () => {
    const { rooms, url, bridge } = await counted()
    const hold = gate()
    rooms.gate = hold.promise
    const client = await RawClient.connect(`${url}/slow`)
    await until('it is being opened', () => rooms.opened.length === 1)
    await leave(client)
    await until('the bridge has noticed', () => bridge.stats().rooms === 0)
    const next = await RawClient.connect(`${url}/slow`)
    await until('it is opened for the next one', () => rooms.opened.length === 2)
    assert.equal(rooms.closed, [])
    hold.open()
    await until('the next one is in', () => next.frames.length > 0)
    await until('the first opening is given back', () => rooms.closed.length === 1)
    await leave(next)
    await until('and the second', () => rooms.closed.length === 2)
  }),
)

test(
  'does not close a room that cannot be opened, and reports one that cannot be closed',
  withBridge(async () => {
    const { rooms, url, problems } = await counted()
    const full = await RawClient.connect(`${url}/full`)
    await full.closed
    await leave(await enter(url, 'broken'))
    await until('it is reported', () => problems.some(({ code }) => code === 'disk_full'))
    assert.equal(rooms.closed, ['broken'])
    await leave(await enter(url, 'r'))
  }),
)

test(
  'closes its rooms when it closes',
  withBridge(async () => {
    const { rooms, url, bridge } = await counted()
    const clients = [await enter(url, 'r'), await enter(url, 's')]
    await bridge.close()
    assert.equal([...rooms.closed].sort(), ['r', 's'])
    for (const client of clients) assert.is((await client.closed).code, 1001)
  }),
)

const codes: readonly (readonly [Failure, number])[] = [
  [new Failure('busy', '100 rooms are in use'), 1013],
  [new Failure('disk_full', 'no space'), 1013],
  [new Failure('already_exists', 'shared by a provider'), 1013],
  [new Failure('permission_denied', 'EACCES', { isLocal: true }), 1013],
  [new Failure('not_found', 'ENOENT', { isLocal: true }), 1013],
  [new Failure('permission_denied', 'not for you'), 4400],
  [new Failure('not_found', 'there is none'), 4400],
  [new Failure('invalid_argument', 'no name'), 4400],
]
for (const [failure, code] of codes) {
  const where = failure.isLocal ? ', of this side' : ''
  test(
    `closes a client with ${code} for ${failure.code}${where}`,
    withBridge(async () => {
      const rooms = { open: () => Promise.reject(failure) }
      const bridge = keep(new Bridge({ rooms, port: 0 }))
      const { url } = await bridge.listen()
      const client = await RawClient.connect(`${url}/r`)
      assert.is((await client.closed).code, code)
    }),
  )
}

/** Runs with an agent that keeps rooms in a folder, and a bridge to it. */
const withAgent =
  (run: (kit: { agent: Agent; timers: FakeTimers; url: string }) => Promise<void>) =>
  (): Promise<void> =>
    inFolder(async (dir) => {
      const timers = new FakeTimers()
      const agent = new Agent({
        swarm: 'kv',
        transport: new MemoryTransport(new MemoryHub(), 'a'),
        data: dataFolder(join(dir, 'a')),
        timers,
      })
      await agent.start()
      try {
        await withBridge(async () => {
          const rooms = { open: (name: string) => agent.openRoom(name) }
          const bridge = keep(new Bridge({ rooms, port: 0 }))
          await run({ agent, timers, url: (await bridge.listen()).url })
        })()
      } finally {
        await agent.stop()
      }
    })

test(
  'serves more rooms, one after the other, than an agent may have open',
  withAgent(async ({ agent, timers, url }) => {
    for (let i = 0; i < 130; i++) {
      const client = keep(editor(url, `room ${i}`))
      client.doc.getText('text').insert(0, `text ${i}`)
      await until(`client ${i} is synced`, () => client.provider.synced)
      client.close()
    }
    const shared = (): number =>
      Array.from({ length: 130 }, (_, i) => agent.runtime.has(`room ${i}`)).filter(Boolean).length
    assert.ok(shared() <= 100)
    await until('all are closed', async () => {
      await timers.pass(11_000)
      return shared() === 0
    })
    const again = keep(editor(url, 'room 0'))
    await until('what was written is there', () => again.doc.getText('text').length > 0)
    assert.is(again.doc.getText('text').toString(), 'text 0')
  }),
)

test(
  'an unmodified client that finds all rooms in use retries until one is closed',
  withAgent(async ({ agent, url }) => {
    const leases = await Promise.all(
      Array.from({ length: 100 }, (_, i) => agent.openRoom(`room ${i}`)),
    )
    const client = keep(editor(url, 'late'))
    const codes: (number | undefined)[] = []
    client.provider.on('connection-close', (event) => {
      codes.push(event?.code)
    })
    await until('it is refused twice', () => codes.length > 1)
    assert.is(codes[0], 1013)
    assert.ok(client.provider.shouldConnect)
    leases[7]?.close()
    await until('it is synced', () => client.provider.synced)
  }),
)

test(
  'leaves a room open that a program uses',
  withAgent(async ({ agent, timers, url }) => {
    const lease = await agent.openRoom('notes')
    const client = keep(editor(url, 'notes'))
    await until('it is synced', () => client.provider.synced)
    client.doc.getText('text').insert(0, 'hello')
    await until('the program has it', () => lease.doc.getText('text').length > 0)
    client.close()
    await timers.pass(11_000)
    lease.doc.getText('text').insert(5, ' world')
    assert.ok(agent.runtime.has('notes'))
    const next = keep(editor(url, 'notes'))
    await until('the next one reads it', () => next.doc.getText('text').length > 5)
    assert.is(next.doc.getText('text').toString(), 'hello world')
  }),
)

test(
  'closes the clients of an agent that was stopped',
  withAgent(async ({ agent, url }) => {
    const client = await enter(url, 'notes')
    await agent.stop()
    assert.is((await client.closed).code, 1001)
  }),
)

test.run()
