/** How the bench of real agents writes to an agent and reads its map over a control socket. */
import * as assert from 'uvu/assert'
import { Journal } from '../../bench/swarm/journal.ts'
import { findLost } from '../../bench/swarm/measurement.ts'
import { Writer } from '../../bench/swarm/writer.ts'
import { type Handle, Rows } from '../../src/control/answers.ts'
import { ControlClient } from '../../src/control/client.ts'
import { ControlServer } from '../../src/control/server.ts'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bench: swarm writer')

const journalOf = (isHot = false): Journal => new Journal({ agents: 3, valueBytes: 6, isHot })

/** Runs with a client of a control socket that answers with `handle`. */
const within = (handle: Handle, run: (client: ControlClient) => Promise<void>): Promise<void> =>
  inFolder(async (dir) => {
    const server = new ControlServer({ dir, handle })
    await server.open()
    try {
      await run(new ControlClient(dir))
    } finally {
      await server.close()
    }
  })

test('writer: a write is issued before the earlier one is answered', async () => {
  const asked: string[] = []
  let release: (() => void) | undefined
  const handle: Handle = async (request) => {
    if (request.command === 'set') asked.push(request.key)
    if (asked.length === 1) await new Promise<void>((resolve) => (release = resolve))
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: false })
    const journal = journalOf()
    const [first, second] = [journal.issue(0, 0), journal.issue(0, 0)]
    writer.write(first)
    await until('the first to be asked', () => asked.length === 1)
    writer.write(second)
    await until('the second to be answered', () => second.acknowledged !== undefined)
    assert.equal([first.acknowledged, writer.open], [undefined, 1])
    release!()
    await until('all to be answered', () => writer.open === 0)
    assert.ok(first.acknowledged !== undefined)
    writer.close()
  })
})

test('writer: writes to one key wait for each other, which keeps their order', async () => {
  const asked: unknown[] = []
  let busy = 0
  let most = 0
  const handle: Handle = async (request) => {
    if (request.command === 'set') asked.push(request.value)
    most = Math.max(most, ++busy)
    await new Promise((resolve) => setTimeout(resolve, 5))
    busy--
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: true })
    const journal = journalOf(true)
    const writes = Array.from({ length: 20 }, () => journal.issue(0, 0))
    for (const write of writes) writer.write(write)
    await until('all to be answered', () => writer.open === 0)
    assert.equal(
      asked,
      writes.map(({ value }) => value),
    )
    assert.is(most, 1)
    writer.close()
  })
})

test('writer: a refused write is recorded with its code, and the next one is issued', async () => {
  const handle: Handle = (request) => {
    if (request.command === 'set' && request.key === 'w0:0') throw new Failure('disk_full', 'full')
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: false })
    const journal = journalOf()
    const [first, second] = [journal.issue(0, 0), journal.issue(0, 0)]
    writer.write(first)
    await until('the first to be answered', () => writer.open === 0)
    writer.write(second)
    await until('the second to be answered', () => writer.open === 0)
    assert.equal(
      [first.failed, first.acknowledged, second.failed],
      ['disk_full', undefined, undefined],
    )
    assert.ok(second.acknowledged !== undefined)
    writer.close()
  })
})

test('findLost: returns each key that is missing or has another value, with its agent', async () => {
  const handle: Handle = () =>
    new Rows(['["a","1"]', '["b","old"]', '["more",1]'], { map: 'bench' })
  await within(handle, async (client) => {
    const agents = [{ client, place: { name: 'n1' } }]
    const expected = new Map([
      ['a', '1'],
      ['b', 'new'],
      ['c', '3'],
    ])
    assert.equal(await findLost(agents, expected), ['n1 b', 'n1 c'])
    assert.equal(await findLost(agents, new Map([['a', '1']])), [])
  })
})

test.run()
