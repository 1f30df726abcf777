/** A document of another copy of Yjs: every door refuses it, says why, and what to do. */
import { createRequire } from 'node:module'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { guardTransactions, Replica } from '../../crdt/index.ts'
import { Agent } from '../../src/agent/agent.ts'
import { Room } from '../../src/agent/room.ts'
import { Hub } from '../../src/bridge/hub.ts'
import { Bridge } from '../../src/bridge/index.ts'
import { Failure, isFailure } from '../../src/errors.ts'
import * as maps from '../../src/maps/index.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { nodePlatform } from '../../src/platform.ts'
import { PilotGossipProvider } from '../../src/provider/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { RawClient } from '../helpers/bridge/clients.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('yjs copies')

/** What `require('yjs')` gives where `import 'yjs'` was used already; it complains, as it should. */
const loadOther = (): typeof Y => {
  const { error } = console
  console.error = () => undefined
  try {
    return createRequire(import.meta.url)('yjs')
  } finally {
    console.error = error
  }
}

const other = loadOther()
const transport = () => new MemoryTransport(new MemoryHub(), 'a')

type Door = (doc: Y.Doc) => unknown

const doors: Readonly<Record<string, Door>> = {
  PilotGossipProvider: (doc) =>
    new PilotGossipProvider(transport(), 'room', doc, { connect: false }),
  SharedMap: (doc) => new SharedMap(doc, 'state'),
  Agent: (doc) => new Agent({ swarm: 'kv', transport: transport(), doc }),
  Room: (doc) => new Room({ name: 'room', doc }),
  Hub: (doc) => new Hub({ doc, awareness: {} as never, accept: () => undefined }),
  readEntry: (doc) => maps.readEntry(doc, 'state', 'k'),
  readEntries: (doc) => maps.readEntries(doc, 'state'),
  describeEntry: (doc) => maps.describeEntry(doc, 'state', 'k'),
  hasEntry: (doc) => maps.hasEntry(doc, 'state', 'k'),
  keysOf: (doc) => maps.keysOf(doc, 'state'),
  sizeOf: (doc) => maps.sizeOf(doc, 'state'),
  listMaps: (doc) => maps.listMaps(doc),
  historyOf: (doc) => maps.historyOf(doc, 'state', 'k'),
  observeEntries: (doc) => maps.observeEntries(doc, 'state', () => undefined),
  writeEntry: (doc) => maps.writeEntry(doc, 'state', 'k', 1),
  'writeEntry, hot': (doc) => maps.writeEntry(doc, 'state', 'k', 1, { hot: true }),
  writeEntries: (doc) => maps.writeEntries(doc, 'state', [['k', 1]]),
  'writeEntries of none': (doc) => maps.writeEntries(doc, 'state', []),
  deleteEntry: (doc) => maps.deleteEntry(doc, 'state', 'k'),
  incrementEntry: (doc) => maps.incrementEntry(doc, 'state', 'k'),
  appendEntry: (doc) => maps.appendEntry(doc, 'state', 'k', 1),
  restoreEntries: (doc) => maps.restoreEntries(doc, 'state', [{ key: 'k', value: 1 }]),
}

const thrownBy = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

for (const [name, enter] of Object.entries(doors)) {
  test(`${name}: refused, with where the copies are and what to do`, () => {
    const doc = new other.Doc()
    doc.getMap('state').set('k', 1)
    const before = other.encodeStateAsUpdate(doc)
    const listeners = doc._observers.size
    const error = thrownBy(() => enter(doc))
    assert.ok(isFailure(error, 'invalid_argument'), String(error))
    assert.match(error.message, /^there are two copies of Yjs: the document is of another one/)
    assert.match(error.message, /pilot-gossip uses that in ".*node_modules.yjs", loaded by import/)
    assert.match(error.message, /; another was loaded by require from ".*node_modules.yjs"$/)
    assert.match(error.hint ?? '', /both by import or both by require, .*npm ls yjs/)
    assert.equal(other.encodeStateAsUpdate(doc), before)
    assert.is(doc._observers.size, listeners)
    assert.is(
      thrownBy(() => enter(new Y.Doc())),
      undefined,
      'ours is taken',
    )
  })

  test(`${name}: what is no document is a TypeError`, () => {
    for (const value of [{}, null, 'doc', new Y.Map(), { getMap: () => new Y.Map() }]) {
      const error = thrownBy(() => enter(value as Y.Doc))
      assert.ok(error instanceof TypeError && !(error instanceof Failure), String(error))
      assert.match(error.message, /^expected a Y\.Doc, not /)
    }
  })
}

for (const [name, enter] of Object.entries({
  Replica: (doc: Y.Doc) => new Replica(doc, nodePlatform),
  guardTransactions: (doc: Y.Doc) => guardTransactions(doc),
})) {
  test(`${name}, which has no Failures: refused with code and hint`, () => {
    const error = thrownBy(() => enter(new other.Doc())) as TypeError & Record<string, unknown>
    assert.ok(error instanceof TypeError)
    assert.match(error.message, /two copies of Yjs/)
    assert.is(error.code, 'invalid_argument')
    assert.match(String(error.hint), /npm ls yjs/)
    assert.is(
      thrownBy(() => enter(new Y.Doc())),
      undefined,
    )
  })
}

test('a class of a program’s own below Y.Doc is ours', () => {
  class Notes extends Y.Doc {}
  const doc = new Notes()
  new SharedMap(doc, 'state').set('k', 1)
  assert.is(maps.readEntry(doc, 'state', 'k'), 1)
})

test('a room of the bridge with such a document refuses its clients, and says why', async () => {
  const problems: Failure[] = []
  const rooms = {
    open: async () => ({
      doc: new other.Doc(),
      awareness: {} as never,
      accept: () => undefined,
    }),
  }
  const bridge = new Bridge({ port: 0, rooms, onProblem: (problem) => problems.push(problem) })
  try {
    const { url } = await bridge.listen()
    const client = await RawClient.connect(`${url}/room`)
    const { code, reason } = await client.closed
    assert.is(code, 4400)
    assert.match(reason, /^invalid_argument: there are two copies of Yjs/)
    await until('it is told', () => problems.length > 0)
    assert.match(problems[0]?.hint ?? '', /npm ls yjs/)
  } finally {
    await bridge.close()
  }
})

test.run()
