/** A room without users is closed after a while, and loses nothing. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { decodePush } from '../../crdt/index.ts'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import type { RoomLease } from '../../src/agent/room-lease.ts'
import { Failure } from '../../src/errors.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import type { Store } from '../../src/store/store.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import type { TransportHooks } from '../../src/transports/transport.ts'
import { FakeTimers, settle } from '../helpers/fake-timers.ts'
import { inFolder } from '../helpers/folder.ts'
import { gate } from '../helpers/gate.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('agent: rooms without users')

/** Milliseconds, longer than a room without users stays open. */
const A_WHILE = 11_000

const textOf = (room: RoomLease): string => room.doc.getText('text').toString()

const write = (room: RoomLease, text: string): void => room.doc.getText('text').insert(0, text)

/**
 * Returns the promise, which the test awaits later. If the test fails before, the stop of the agent
 * rejects the promise, and the process would end with that error instead of that of the test.
 */
const awaitedLater = <T>(promise: Promise<T>): Promise<T> => {
  promise.catch(() => undefined)
  return promise
}

/** Lets a test change the store of each room. */
type Change = (store: Store, room: string) => Partial<Store>

interface Kit {
  readonly agent: Agent
  readonly timers: FakeTimers
  readonly problems: Problem[]
  /** The room at another agent of the same hub. */
  readonly peer: Agent
}

interface Setup {
  readonly change?: Change
  /** Default true. */
  readonly isKept?: boolean
  /** Which messages reach the agent; the others are lost. Default: all. */
  readonly arrives?: (text: string) => boolean
  /**
   * Settles what the test's store holds back. A test that fails half-way would otherwise hang in
   * the agent's stop, and its error would never be reported.
   */
  readonly release?: () => void
}

/** A memory transport that loses incoming messages. */
class LossyTransport extends MemoryTransport {
  readonly #arrives: (text: string) => boolean

  constructor(hub: MemoryHub, address: string, arrives: (text: string) => boolean) {
    super(hub, address)
    this.#arrives = arrives
  }

  override open(hooks: TransportHooks): Promise<void> {
    return super.open({
      ...hooks,
      accepts: (text) => this.#arrives(text) && hooks.accepts(text),
    })
  }
}

/** Runs with a peer and an agent, which stores its rooms in a folder by default. */
const withAgent =
  (run: (kit: Kit) => Promise<void>, setup: Setup = {}) =>
  (): Promise<void> =>
    inFolder(async (dir) => {
      const { change = () => ({}), isKept = true, arrives = () => true, release } = setup
      const folder = dataFolder(join(dir, 'a'))
      const changed: DataFolder = {
        ...folder,
        storeOf: (name) => {
          const store = folder.storeOf!(name)
          return Object.assign(store, change(bound(store), name))
        },
      }
      const hub = new MemoryHub()
      const timers = new FakeTimers()
      const problems: Problem[] = []
      const config = { intervalMs: 200, backoffMs: 50 }
      const agent = new Agent({
        swarm: 'kv',
        transport: new LossyTransport(hub, 'a', arrives),
        config,
        timers,
        ...(isKept && { data: changed }),
        onProblem: (problem) => problems.push(problem),
      })
      const peer = new Agent({ swarm: 'kv', transport: new MemoryTransport(hub, 'b'), config })
      try {
        await agent.start()
        await peer.start()
        await run({ agent, timers, problems, peer })
      } finally {
        release?.()
        await agent.stop()
        await peer.stop()
      }
    })

/** The original methods of a store, to call them after they are replaced. */
const bound = (store: Store): Store => ({
  load: store.load.bind(store),
  append: store.append.bind(store),
  needsCompaction: store.needsCompaction.bind(store),
  compact: store.compact.bind(store),
  stats: store.stats.bind(store),
  close: store.close.bind(store),
})

const isShared = (agent: Agent, name: string): boolean => agent.runtime.has(name)

/** Passes the time after which rooms without users are closed, and waits until this room is. */
const closed = async ({ agent, timers }: Kit, name: string): Promise<void> => {
  await until(`${name} is closed`, async () => {
    await timers.pass(A_WHILE)
    return !isShared(agent, name)
  })
}

test(
  'closes a room some time after its last user, and opens it again unchanged',
  withAgent(async (kit) => {
    const { agent, timers } = kit
    const [one, two] = [await agent.openRoom('notes'), await agent.openRoom('notes')]
    write(one, 'hello')
    one.close()
    await timers.pass(A_WHILE)
    await settle()
    assert.ok(isShared(agent, 'notes'), 'it has a user')
    two.close()
    await timers.pass(A_WHILE / 2)
    assert.ok(isShared(agent, 'notes'), 'a user may come back')
    await closed(kit, 'notes')
    assert.is(one.runtime, undefined)
    const again = await agent.openRoom('notes')
    assert.is.not(again.doc, one.doc)
    assert.is(textOf(again), 'hello')
    assert.not.ok(timers.isWaiting)
  }),
)

test(
  'gives a user that comes back in time the same document',
  withAgent(async ({ agent, timers }) => {
    const first = await agent.openRoom('notes')
    first.close()
    await timers.pass(A_WHILE / 2)
    const second = await agent.openRoom('notes')
    assert.is(second.doc, first.doc)
    await timers.pass(A_WHILE)
    await settle()
    assert.ok(isShared(agent, 'notes'))
    write(second, 'on')
    await second.flushed()
  }),
)

test(
  'counts a lease that is closed twice once, and refuses updates on it',
  withAgent(async ({ agent, timers }) => {
    const [one, two] = [await agent.openRoom('notes'), await agent.openRoom('notes')]
    one.close()
    one.close()
    await timers.pass(A_WHILE)
    await settle()
    assert.ok(isShared(agent, 'notes'))
    const update = Y.encodeStateAsUpdate(new Y.Doc())
    assert.throws(
      () => one.accept(update, undefined),
      (error: Failure) => error.code === 'closed',
    )
    two.accept(update, undefined)
  }),
)

for (const [what, isKept] of [
  ['that are kept', true],
  ['that are kept nowhere', false],
] as const) {
  test(
    `any number of rooms ${what}, one after the other, without any time passing`,
    withAgent(
      async ({ agent }) => {
        for (let i = 0; i < 205; i++) {
          const room = await agent.openRoom(`room ${i}`)
          write(room, `text ${i}`)
          room.close()
        }
        const shared = Array.from({ length: 205 }, (_, i) => isShared(agent, `room ${i}`))
        assert.is(shared.filter(Boolean).length, 100)
        assert.ok(shared[204], 'the last of them is not closed')
        if (isKept) assert.is(textOf(await agent.openRoom('room 0')), 'text 0')
      },
      { isKept },
    ),
  )
}

test(
  'rejects with busy while all rooms are in use, and opens another once one is closed',
  withAgent(async ({ agent }) => {
    const rooms: RoomLease[] = []
    for (let i = 0; i < 100; i++) rooms.push(await agent.openRoom(`room ${i}`))
    await rejects(() => agent.openRoom('late'), /^busy .*100 rooms are in use/)
    rooms[42]?.close()
    const late = await Promise.allSettled([agent.openRoom('late'), agent.openRoom('later')])
    assert.equal(late.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    assert.not.ok(isShared(agent, 'room 42'))
  }),
)

test(
  'keeps a room without a store until its place is needed, unless it is empty',
  withAgent(
    async (kit) => {
      const { agent, timers } = kit
      const [notes, empty] = [await agent.openRoom('notes'), await agent.openRoom('empty')]
      write(notes, 'only here')
      for (const room of [notes, empty]) room.close()
      await closed(kit, 'empty')
      await timers.pass(A_WHILE)
      await settle()
      assert.is(textOf(await agent.openRoom('notes')), 'only here')
    },
    { isKept: false },
  ),
)

const slow = gate()
let closings = 0

test(
  'opens a room that is closing after it has closed, with its whole content',
  withAgent(
    async (kit) => {
      const { agent, timers, peer } = kit
      const [room, theirs] = [await agent.openRoom('notes'), await peer.openRoom('notes')]
      write(room, 'before ')
      await until('the peer has it', () => textOf(theirs) === 'before ')
      room.close()
      await timers.pass(A_WHILE)
      await until('its store closes', () => closings === 1)
      let opened = 0
      const open = async (): Promise<RoomLease> => {
        const lease = await agent.openRoom('notes')
        opened++
        return lease
      }
      const opening = awaitedLater(Promise.all([open(), open()]))
      // Meanwhile a peer goes on.
      const sent = peer.status().counters.pushesSent
      theirs.doc.getText('text').insert(7, 'meanwhile')
      await until('it is tried in vain', () => peer.status().counters.pushesSent > sent)
      assert.is(opened, 0)
      slow.open()
      const [one, two] = await opening
      assert.is(one.doc, two.doc)
      assert.ok(textOf(one).startsWith('before '))
      await until('what the peer wrote comes by repair', () => textOf(one) === 'before meanwhile')
      await one.flushed()
      for (const lease of [one, two]) lease.close()
      await closed(kit, 'notes')
      assert.is(textOf(await agent.openRoom('notes')), 'before meanwhile')
    },
    {
      change: (store) => ({
        close: async () => {
          closings++
          await slow.promise
          await store.close()
        },
      }),
      release: slow.open,
    },
  ),
)

let isFull = false

test(
  'keeps a room open while the disk fails, until everything is stored',
  withAgent(
    async (kit) => {
      const { agent, timers, problems } = kit
      const room = await agent.openRoom('notes')
      isFull = true
      write(room, 'kept in memory')
      await rejects(() => room.flushed(), /^disk_full/)
      room.close()
      const reports = (): number => problems.filter(({ type }) => type === 'store').length
      for (let time = 1; time <= 3; time++) {
        const before = reports()
        await until('it is tried and reported', async () => {
          await timers.pass(A_WHILE)
          return reports() > before
        })
        assert.ok(isShared(agent, 'notes'))
      }
      const again = await agent.openRoom('notes')
      assert.is(again.doc, room.doc)
      again.close()
      isFull = false
      await closed(kit, 'notes')
      assert.is(textOf(await agent.openRoom('notes')), 'kept in memory')
    },
    {
      change: (store) => ({
        append: (update) =>
          isFull ? Promise.reject(new Failure('disk_full', 'no space')) : store.append(update),
      }),
    },
  ),
)

const appends: { readonly update: Uint8Array; readonly settle: (what: Promise<void>) => void }[] =
  []
let disk: 'works' | 'is slow' | 'is full' = 'works'

/** The number of messages to the agent. */
let lost = 0

const bringsUpdate = (text: string): boolean =>
  decodePush(text, 'kv').state.get('notes')?.update !== undefined

test(
  'shares a room again, with its content, if changes during its closing cannot be stored',
  withAgent(
    async (kit) => {
      const { agent, timers, peer } = kit
      const [room, theirs] = [await agent.openRoom('notes'), await peer.openRoom('notes')]
      write(room, 'one')
      await until('the peer has it', () => textOf(theirs) === 'one')
      await room.flushed()
      disk = 'is slow'
      write(room, 'zero ')
      room.close()
      await timers.pass(A_WHILE)
      await until('a message without an update is lost', () => {
        peer.push()
        return lost > 0
      })
      theirs.doc.getText('text').insert(3, ' two')
      await until('more comes while it closes', () => appends.length === 2)
      const opening = awaitedLater(agent.openRoom('notes'))
      disk = 'is full'
      appends[0]?.settle(Promise.resolve())
      await until('it has left', () => !isShared(agent, 'notes'))
      appends[1]?.settle(Promise.reject(new Failure('disk_full', 'no space')))
      const again = await opening
      assert.is(again.doc, room.doc)
      assert.ok(isShared(agent, 'notes'))
      assert.match(textOf(again), / two$/)
      disk = 'works'
      await again.flushed()
      again.close()
      await closed(kit, 'notes')
      assert.is(textOf(await agent.openRoom('notes')), 'zero one two')
    },
    {
      change: (store) => ({
        append: (update) => {
          if (disk === 'works') return store.append(update)
          if (disk === 'is full') return Promise.reject(new Failure('disk_full', 'no space'))
          return new Promise((resolve) => {
            appends.push({ update, settle: (what) => resolve(what) })
          })
        },
      }),
      // The agent handles the next message only after the changes of the last one are on disk. While
      // the disk is slow, a message without changes would delay the one with them.
      arrives: (text) => {
        if (disk !== 'is slow' || bringsUpdate(text)) return true
        lost++
        return false
      },
      release: () => {
        disk = 'works'
        for (const { settle } of appends) settle(Promise.resolve())
      },
    },
  ),
)

let refusing = false

test(
  'rejects with busy if idle rooms cannot be stored, and loses nothing',
  withAgent(
    async ({ agent }) => {
      refusing = true
      for (let i = 0; i < 100; i++) {
        const room = await agent.openRoom(`room ${i}`)
        write(room, `text ${i}`)
        room.close()
      }
      await rejects(() => agent.openRoom('late'), /^busy/)
      for (let i = 0; i < 100; i++) assert.ok(isShared(agent, `room ${i}`))
      refusing = false
      assert.is(textOf(await agent.openRoom('late')), '')
      assert.is(textOf(await agent.openRoom('room 0')), 'text 0')
    },
    {
      change: (store) => ({
        append: (update) =>
          refusing ? Promise.reject(new Failure('disk_full', 'no space')) : store.append(update),
      }),
    },
  ),
)

test(
  'closes a room to which a peer writes without end, and loses nothing',
  withAgent(async (kit) => {
    const { agent, peer } = kit
    const theirs = await peer.openRoom('notes')
    let isOver = false
    let count = 0
    const writing = (async () => {
      for (; !isOver; count++) {
        theirs.doc.getMap('m').set(`${count}`, count)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
    })()
    try {
      for (let round = 0; round < 5; round++) {
        const room = await agent.openRoom('notes')
        const before = room.doc.getMap('m').size
        await until('more comes', () => room.doc.getMap('m').size > before)
        room.close()
        await closed(kit, 'notes')
        const again = await agent.openRoom('notes')
        assert.ok(again.doc.getMap('m').size > before)
        again.close()
      }
    } finally {
      isOver = true
      await writing
    }
    const room = await agent.openRoom('notes')
    await until('all of it is here', () => room.doc.getMap('m').size === count)
  }),
)

test(
  'stop works while a room is closing, and while another is opened in its place',
  withAgent(async ({ agent, timers }) => {
    const room = await agent.openRoom('notes')
    write(room, 'last')
    room.close()
    await timers.pass(A_WHILE)
    const opening = agent.openRoom('notes').then(
      () => 'opened',
      (error: Failure) => error.code,
    )
    await agent.stop()
    assert.ok(['opened', 'closed'].includes(await opening))
    assert.not.ok(isShared(agent, 'notes'))
    assert.not.ok(timers.isWaiting)
    room.close()
    assert.not.ok(timers.isWaiting)
  }),
)

test(
  'a provider can take a room without users, and the agent cannot open it meanwhile',
  withAgent(async ({ agent }) => {
    const room = await agent.openRoom('notes')
    write(room, 'of the agent')
    room.close()
    const doc = new Y.Doc()
    const provider = new PilotGossipProvider(agent, 'notes', doc)
    await until('it is connected', () => provider.status === 'connected')
    await rejects(() => agent.openRoom('notes'), /^already_exists .*provider/)
    provider.destroy()
    await until('it has left', () => !isShared(agent, 'notes'))
    assert.is(textOf(await agent.openRoom('notes')), 'of the agent')
  }),
)

test('frees the store of a closed room', () =>
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
      const room = await agent.openRoom('notes')
      write(room, 'hello')
      await room.flushed()
      room.close()
      await closed({ agent, timers } as Kit, 'notes')
      const store = dataFolder(join(dir, 'a')).storeOf!('notes')
      const { updates, state } = await until('the lock is free', () =>
        store.load().catch((error: Failure) => {
          assert.is(error.code, 'already_exists')
          return undefined
        }),
      )
      assert.ok(updates.length > 0 || state)
      await rejects(() => agent.openRoom('notes'), /^already_exists/)
      await store.close()
      assert.is(textOf(await agent.openRoom('notes')), 'hello')
      assert.ok(existsSync(join(dir, 'a', 'rooms')))
    } finally {
      await agent.stop()
    }
  }))

test.run()
