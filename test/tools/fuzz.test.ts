/** Seeded mutations of messages: 2,000 of them, and the proof that the run finds faults. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Rejection } from '../../crdt/index.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { runFuzz } from './fuzz/run.ts'

const test = suite('fuzz')

const REPLAY = /\n {2}replay: npm run fuzz -- --messages \d+ --seed \d+$/

test('2,000 mutated messages are rejected without a trace, or accepted', () => {
  const { outcomes } = runFuzz({ messages: 2_000, seed: 1 })
  const sum = Object.values(outcomes).reduce((a, b) => a + b, 0)
  assert.is(sum, 2_000)
  assert.ok(outcomes.accepted! > 50 && outcomes.malformed! > 500, JSON.stringify(outcomes))
  assert.ok(outcomes['sealed: closed']! > 200)
  assert.ok(Object.keys(outcomes).length >= 8, JSON.stringify(outcomes))
})

test('a seed gives the same outcomes every time', () => {
  const run = () => runFuzz({ messages: 300, seed: 7 }).outcomes
  assert.equal(run(), run())
})

test('it finds updates that are merged without inspection, and the command replays it', async () => {
  const apply = ({ doc }: { doc: Y.Doc }, bytes: Uint8Array) => Y.applyUpdate(doc, bytes)
  const { message } = await rejects(() => runFuzz({ messages: 400, seed: 1, apply }))
  assert.match(message, /threw no Rejection|wait inside the document/)
  assert.match(message, REPLAY)
  const [, messages, seed] = /--messages (\d+) --seed (\d+)/.exec(message)!
  const again = await rejects(() =>
    runFuzz({ messages: Number(messages), seed: Number(seed), apply }),
  )
  assert.is(again.message, message)
})

test('it finds a rejection after a part was merged', async () => {
  const apply = ({ doc }: { doc: Y.Doc }) => {
    doc.getMap('map').set('half', Y.getState(doc.store, doc.clientID))
    throw new Rejection('malformed', 'too late')
  }
  const { message } = await rejects(() => runFuzz({ messages: 400, seed: 1, apply }))
  assert.match(message, /rejected \(malformed\), yet changed/)
  assert.match(message, REPLAY)
})

test.run()
