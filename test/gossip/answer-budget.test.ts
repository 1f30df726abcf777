/** Pulls without end: an asker gets everything once, and then what the budget allows. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { bytesOf, DOC, noise, pushText, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: budget of answers')

const DIGEST = 'd'.repeat(22)

const emptyPull = (sender: string): string =>
  pushText({ [DOC]: { digest: DIGEST, vector: Y.encodeStateVector(new Y.Doc()) } }, { sender })

/** `a` holds 100 kB that do not deflate. */
const fullTable = () => {
  const table = new Table()
  const a = table.add('a')
  for (let i = 0; i < 10; i++) a.map.set(`k${i}`, noise(10_000, i))
  return { table, a }
}

test('300 pulls of everything from twenty names are answered once or twice for each name', () => {
  const { table, a } = fullTable()
  for (let i = 0; i < 300; i++) {
    const from = `evil${i % 20}`
    table.deliver({ from, to: 'a', text: emptyPull(from) })
    table.post.length = 0
  }
  const bytes = bytesOf(table.log)
  assert.ok(bytes <= 20 * 2.2 * 100_000, `${bytes} bytes of answers`)
  assert.is(a.gossip.counters.rejected.pulled_too_often, 300 - 40)
})

test('a late joiner gets everything at once, also while others pull without end', () => {
  const { table, a } = fullTable()
  for (let i = 0; i < 300; i++) {
    const from = `evil${i % 20}`
    table.deliver({ from, to: 'a', text: emptyPull(from) })
  }
  table.post.length = 0
  const late = table.add('late')
  late.gossip.peers.add('a', 'given')
  table.round(late)
  table.settle()
  assert.equal(late.map.toJSON(), a.map.toJSON())
})

test('a peer that has merged its answers is answered as often as it pulls', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  for (let i = 0; i < 40; i++) {
    a.map.set(`k${i}`, noise(50_000, i))
    table.change(a)
    table.advance(30)
    assert.ok(b.map.has(`k${i}`), `change ${i}`)
  }
  assert.is(a.gossip.counters.rejected.pulled_too_often, undefined)
})

test('an asker that forgot everything is answered again after some seconds', () => {
  const { table } = fullTable()
  const pull = (): number => {
    table.log.length = 0
    table.deliver({ from: 'b', to: 'a', text: emptyPull('b') })
    table.post.length = 0
    return bytesOf(table.log)
  }
  pull()
  pull()
  assert.is(pull(), 0)
  table.now += 10_000
  assert.ok(pull() > 50_000)
})

test.run()
