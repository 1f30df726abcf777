/** An agent that stores former states, and brings back what they had. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { Agent } from '../../src/agent/agent.ts'
import { PointKeeper } from '../../src/agent/point-keeper.ts'
import type { Failure } from '../../src/errors.ts'
import {
  appendEntry,
  deleteEntry,
  describeEntry,
  incrementEntry,
  readEntries,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { Points } from '../../src/store/points.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { FakeTimers, settle } from '../helpers/fake-timers.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('agent points')
const temporary = temporaryFolder()
test.after(temporary.remove)
const HOUR = 3_600_000

const start = async (hub: MemoryHub, name: string, options: { readOnly?: boolean } = {}) => {
  const agent = new Agent({
    swarm: 'kv',
    transport: new MemoryTransport(hub, name),
    config: { intervalMs: 200 },
    data: dataFolder(join(await mkdtemp(join(temporary.dir, 'data-')), name)),
    ...options,
  })
  await agent.start()
  return agent
}

test('points: one an hour if something has changed, none otherwise', async () => {
  const agent = await start(new MemoryHub(), 'a')
  const { doc } = agent
  const points = new Points({ dir: join(temporary.dir, 'hourly') })
  const timers = new FakeTimers()
  const problems: Failure[] = []
  const keeper = new PointKeeper({
    doc,
    points,
    maxBytes: 1_000_000,
    flushed: () => agent.flushed(),
    timers,
    now: () => timers.time,
    onProblem: (failure) => problems.push(failure),
  })
  keeper.start()
  /** Each minute by itself, with time for the disk. */
  const passHour = async (wanted: number): Promise<number> => {
    for (let minute = 0; minute < 60; minute++) {
      await timers.pass(60_000)
      await settle()
    }
    await until('the points', async () => (await points.list()).length >= wanted)
    return (await points.list()).length
  }
  assert.is(await passHour(0), 0, 'an empty document')
  assert.not(timers.isWaiting)
  writeEntry(doc, 'state', 'k', 1)
  assert.is(await passHour(1), 1)
  assert.is(await passHour(1), 1, 'nothing has changed')
  assert.not(timers.isWaiting)
  writeEntry(doc, 'state', 'k', 2)
  assert.is(await passHour(2), 2)
  await keeper.stop()
  assert.not(timers.isWaiting)
  assert.equal(problems, [])
  await agent.stop()
})

test('restoreAt: entries of each kind come back at all agents, and later ones stay', async () => {
  const hub = new MemoryHub()
  const [a, b] = [await start(hub, 'a'), await start(hub, 'b')]
  const { doc } = a
  writeEntry(doc, 'state', 'deleted', { x: [1] })
  writeEntry(doc, 'state', 'overwritten', 'old')
  writeEntry(doc, 'state', 'same', 'same')
  writeEntry(doc, 'state', 'hot', 'h', { hot: true })
  incrementEntry(doc, 'state', 'counter', 5)
  appendEntry(doc, 'state', 'list', 'one')
  appendEntry(doc, 'state', 'list', 'two')
  doc.getMap('state').set('bytes', new Uint8Array([1, 2]))
  writeEntry(doc, 'other', 'k', 'elsewhere')
  await a.takePoint()
  const before = { ...readEntries(doc, 'state') }
  const layouts = Object.keys(before).map((key) => describeEntry(doc, 'state', key)?.layout)

  await until('b to follow', () => readEntries(b.doc, 'state').list !== undefined)
  for (const key of Object.keys(before)) if (key !== 'same') deleteEntry(b.doc, 'state', key)
  deleteEntry(b.doc, 'other', 'k')
  writeEntry(b.doc, 'state', 'overwritten', 'new')
  writeEntry(b.doc, 'state', 'later', 1)
  await until('a to follow', () => readEntries(doc, 'state').later === 1)

  const plan = await a.restoreAt(Date.now(), { dryRun: true, exact: true })
  assert.is(plan.written.length, 7)
  assert.equal(plan.deleted, [{ map: 'state', key: 'later' }])
  assert.equal(readEntries(doc, 'state'), { later: 1, overwritten: 'new', same: 'same' })
  assert.is((await a.points()).length, 1, 'a dry run stores nothing')

  const only = await a.restoreAt(Date.now(), { map: 'state', prefix: 'de' })
  assert.equal(only.written, [{ map: 'state', key: 'deleted' }])
  assert.is((await a.points()).length, 2, 'the present state was stored')
  const [first] = await a.points()

  const same = describeEntry(doc, 'state', 'same')?.clock
  await a.restoreAt(first!.at)
  assert.equal(readEntries(doc, 'state'), { ...before, later: 1 })
  assert.equal(readEntries(doc, 'other'), { k: 'elsewhere' })
  assert.is(describeEntry(doc, 'state', 'same')?.clock, same, 'what is the same is not written')
  assert.equal(
    Object.keys(before).map((key) => describeEntry(doc, 'state', key)?.layout),
    layouts,
  )
  assert.equal(doc.getMap('state').get('bytes'), new Uint8Array([1, 2]))
  await until('b to follow', () => b.status().digest === a.status().digest)
  assert.equal(readEntries(b.doc, 'state'), { ...before, later: 1 })
  incrementEntry(b.doc, 'state', 'counter', 1)
  assert.is(readEntries(b.doc, 'state').counter, 6)
  await until('a to follow', () => readEntries(doc, 'state').counter === 6)

  await a.restoreAt(first!.at, { exact: true })
  assert.equal(readEntries(doc, 'state'), before)
  await Promise.all([a.stop(), b.stop()])
})

test('restoreAt: thousands of deleted keys come back, and nothing more is written the second time', async () => {
  const agent = await start(new MemoryHub(), 'a')
  const { doc } = agent
  const keys = Array.from({ length: 2_500 }, (_, i) => [`k${i}`, i] as const)
  writeEntries(doc, 'state', keys)
  await agent.takePoint()
  const [point] = await agent.points()
  for (const [key] of keys) deleteEntry(doc, 'state', key)
  assert.is((await agent.restoreAt(point!.at)).written.length, 2_500)
  assert.equal(readEntries(doc, 'state'), Object.fromEntries(keys.toSorted()))
  assert.is((await agent.restoreAt(point!.at)).written.length, 0)
  await agent.stop()
})

test('restoreAt: rejects without a point, without a data folder, and at a read-only agent', async () => {
  const codeOf = (run: Promise<unknown>): Promise<unknown> =>
    run.then(
      () => 'done',
      ({ code }) => code,
    )
  const agent = await start(new MemoryHub(), 'a')
  assert.is(await codeOf(agent.restoreAt(Date.now())), 'not_found')
  writeEntry(agent.doc, 'state', 'k', 1)
  await agent.takePoint()
  assert.is(await codeOf(agent.restoreAt(Date.now() - HOUR)), 'not_found')
  await agent.stop()

  const bare = new Agent({ swarm: 'kv', transport: new MemoryTransport(new MemoryHub(), 'x') })
  assert.equal(await bare.points(), [])
  assert.is(await codeOf(bare.takePoint()), 'invalid_argument')

  const hub = new MemoryHub()
  const [writer, reader] = [await start(hub, 'a'), await start(hub, 'b', { readOnly: true })]
  writeEntry(writer.doc, 'state', 'k', 1)
  await until('the reader to follow', () => readEntries(reader.doc, 'state').k === 1)
  await reader.takePoint()
  deleteEntry(writer.doc, 'state', 'k')
  await until('the reader to follow', () => readEntries(reader.doc, 'state').k === undefined)
  assert.is((await reader.restoreAt(Date.now(), { dryRun: true })).written.length, 1)
  assert.is(await codeOf(reader.restoreAt(Date.now())), 'permission_denied')
  await Promise.all([writer.stop(), reader.stop()])
})

test.run()
