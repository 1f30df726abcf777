/**
 * Structs and deletes under our writer id that a stranger made up: they are refused, and do not make
 * the agent change its id, or withhold what it writes, as often as they come.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Agent } from '../../src/agent/agent.ts'
import { GrowingPause } from '../../src/gossip/index.ts'
import { readEntries, writeEntry } from '../../src/maps/index.ts'
import { Recorder } from '../../src/testing/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { packedState, pushText } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('agent: forged writer')

const SWARM = 'kv'

/** A push with a struct of that writer which follows what the document has. */
const forge = (doc: Y.Doc, document: string, i: number): string => {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.clientID = doc.clientID
  copy.getMap('state').set('forged', i)
  return pushText({ [document]: { update: packedState(copy) } }, { swarm: SWARM, sender: 'evil' })
}

test('40 forged structs change the writer id twice at most, and peers still get what is written', async () => {
  const hub = new MemoryHub()
  const agentAt = (address: string, peers: string[]): Agent =>
    new Agent({ swarm: SWARM, transport: new MemoryTransport(hub, address), peers })
  const [a, b] = [agentAt('a', ['b']), agentAt('b', ['a'])]
  const evil = new MemoryTransport(hub, 'evil')
  try {
    await a.start()
    await b.start()
    await evil.open(new Recorder())
    writeEntry(a.doc, 'state', 'k', 0)
    await until('the first write', () => readEntries(b.doc, 'state').k === 0)
    const ids = new Set([a.doc.clientID])
    a.doc.on('afterTransaction', () => void ids.add(a.doc.clientID))
    for (let i = 0; i < 40; i++) {
      const refused = a.status().counters.rejected.own_clock ?? 0
      await evil.send('a', forge(a.doc, SWARM, i))
      await until(`rejection ${i}`, () => (a.status().counters.rejected.own_clock ?? 0) > refused)
      ids.add(a.doc.clientID)
    }
    assert.ok(ids.size <= 3, `${ids.size - 1} changes of the writer id`)
    writeEntry(a.doc, 'state', 'k', 1)
    await until('a write after them', () => readEntries(b.doc, 'state').k === 1)
    assert.is(readEntries(b.doc, 'state').forged, undefined)
  } finally {
    await evil.close()
    await a.stop()
    await b.stop()
  }
})

test('a pause grows with each time, and is over after a calm hour', () => {
  const pause = new GrowingPause()
  const taken: number[] = []
  for (let now = 0; now < 3_600_000; now += 100) if (pause.take(now)) taken.push(now)
  assert.equal(taken.slice(0, 5), [0, 100, 10_100, 30_100, 70_100])
  assert.ok(taken.length < 15, `${taken.length} times in an hour`)
  const later = 3_600_000 * 3
  assert.ok(pause.take(later) && pause.take(later))
  assert.not(pause.take(later))
})

test.run()
