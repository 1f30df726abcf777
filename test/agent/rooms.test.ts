/** Further rooms of an agent: opened once, stored beside its own document, closed with it. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Agent, type Problem } from '../../src/agent/agent.ts'
import type { RoomLease } from '../../src/agent/room-lease.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { agentIn } from '../helpers/agent.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('agent: rooms')

const running = async (agents: readonly Agent[], run: () => Promise<void>): Promise<void> => {
  try {
    await Promise.all(agents.map((agent) => agent.start()))
    await run()
  } finally {
    await Promise.all(agents.map((agent) => agent.stop()))
  }
}

const inMemory = (): Agent =>
  new Agent({ swarm: 'kv', transport: new MemoryTransport(new MemoryHub(), 'a') })

const textOf = (room: RoomLease): string => room.doc.getText('text').toString()

/** Names that are not valid for a file, that mean a folder, or that differ only in case. */
const NAMES = [
  '..',
  '.',
  '/',
  '../../x',
  'a/b/c',
  'A',
  'a',
  'con',
  'x'.repeat(256),
  '\u{1f600}'.repeat(100),
  'a\0b',
  'rooms',
  'log',
  ' ',
  '-rf',
  'e\u0301',
  '\u00e9',
]

test('two agents share a room over mailboxes', () =>
  inFolder(async (dir) => {
    const problems: Problem[] = []
    const [a, b] = [agentIn(dir, 'a', problems), agentIn(dir, 'b', problems)]
    await running([a, b], async () => {
      const [ra, rb] = [await a.openRoom('notes'), await b.openRoom('notes')]
      ra.doc.getText('text').insert(0, 'hello')
      await until('b has it', () => textOf(rb) === 'hello')
      assert.is(b.doc.share.has('text'), false)
      rb.awareness.setLocalState({ name: 'Bob' })
      void ra.awareness
      await until('a sees b', () => ra.awareness.getStates().has(rb.doc.clientID))
    })
    assert.equal(
      problems.filter(({ type }) => type === 'refused'),
      [],
    )
  }))

test('stores a room of any name on disk, and reads it again', () =>
  inFolder(async (dir) => {
    const first = agentIn(dir, 'a')
    await running([first], async () => {
      for (const [index, name] of NAMES.entries()) {
        const room = await first.openRoom(name)
        assert.is(room.name, name)
        room.doc.getText('text').insert(0, `text ${index}`)
        await room.flushed()
      }
    })
    assert.equal(readdirSync(dir).sort(), ['a', 'mail'])
    assert.is(readdirSync(join(dir, 'a', 'rooms')).length, NAMES.length)
    const second = agentIn(dir, 'a')
    await running([second], async () => {
      for (const [index, name] of NAMES.entries())
        assert.is(textOf(await second.openRoom(name)), `text ${index}`)
    })
  }))

test('opens a room once for concurrent calls', async () => {
  const agent = inMemory()
  await running([agent], async () => {
    const [one, two] = await Promise.all([agent.openRoom('notes'), agent.openRoom('notes')])
    assert.is(one.doc, two.doc)
    assert.is((await agent.openRoom('notes')).doc, one.doc)
    const own = await agent.openRoom('kv')
    assert.is(own.doc, agent.doc)
    own.close()
    assert.is(agent.runtime.has('kv'), true)
  })
})

test('rejects for an invalid name, for too many rooms, and if the agent does not run', async () => {
  const agent = inMemory()
  await rejects(() => agent.openRoom('notes'), /closed/)
  await running([agent], async () => {
    for (const name of ['', '__proto__', 'x'.repeat(257), '\udc00'])
      await rejects(() => agent.openRoom(name), /invalid_argument/)
    for (let i = 0; i < 100; i++) await agent.openRoom(`room ${i}`)
    await rejects(() => agent.openRoom('one more'), /^busy .*"one more": 100 rooms are in use/)
    const seventh = await agent.openRoom('room 7')
    assert.is(seventh.name, 'room 7')
  })
  await rejects(() => agent.openRoom('notes'), /closed/)
})

test('a room that could not be read can be opened again', () =>
  inFolder(async (dir) => {
    const folder = dataFolder(join(dir, 'a'))
    let isBroken = true
    const agent = new Agent({
      swarm: 'kv',
      transport: new MemoryTransport(new MemoryHub(), 'a'),
      data: {
        ...folder,
        storeOf: (name) => {
          const store = folder.storeOf!(name)
          if (!isBroken) return store
          return Object.assign(store, { load: () => Promise.reject(new Error('EIO')) })
        },
      },
    })
    await running([agent], async () => {
      await rejects(() => agent.openRoom('notes'), /EIO/)
      isBroken = false
      assert.is((await agent.openRoom('notes')).name, 'notes')
    })
  }))

test('stop closes all rooms, also one that is being opened', () =>
  inFolder(async (dir) => {
    const agent = agentIn(dir, 'a')
    await agent.start()
    const notes = await agent.openRoom('notes')
    notes.awareness.setLocalStateField('name', 'Ada')
    notes.doc.getText('text').insert(0, 'last')
    const opening = agent.openRoom('late').then(
      () => 'opened',
      (error: { code: string }) => error.code,
    )
    await agent.stop()
    assert.ok(['opened', 'closed'].includes(await opening))
    assert.is(notes.runtime, undefined)
    assert.is(agent.runtime.has('late'), false)
    const again = agentIn(dir, 'a')
    await running([again], async () => {
      assert.is(textOf(await again.openRoom('notes')), 'last')
    })
  }))

test.run()
