/**
 * Answers of which something is rejected: they are not a sync, and do not prove that the peer has
 * our changes.
 */
import * as assert from 'uvu/assert'
import { LIMITS } from '../../crdt/index.ts'
import { DOC, type Member, noise, type SeatOptions, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: rejected answers')

const statusOf = ({ gossip }: Member) => gossip.statusOf(DOC)!

/**
 * A member that accepts less than others write, and soon requests an acknowledgement of its change.
 */
const seatStrict = (table: Table, limits: Partial<typeof LIMITS>, options: SeatOptions = {}) => {
  const strict = table.add('strict', { ...options, limits: { ...LIMITS, ...limits } })
  table.introduce([...table.members.keys()])
  strict.gossip.close(DOC)
  strict.gossip.open(DOC, strict.replica, { confirmMs: 500 })
  return strict
}

const rejectionsOf = ({ effects }: Member): string[] =>
  effects.flatMap((effect) => (effect.type === 'refused' ? [effect.reason] : []))

test('a rejected answer is not a sync, however often it comes', () => {
  const table = new Table()
  const [a] = table.seat('a')
  for (let i = 0; i < 20; i++) a.map.set(`k${i}`, i)
  const strict = seatStrict(table, { entries: 5 })
  table.change(strict)
  for (let second = 0; second < 10; second++) {
    table.advance(1_000)
    table.round(a)
    table.round(strict)
  }
  assert.ok(rejectionsOf(strict).length > 1)
  assert.ok(rejectionsOf(strict).every((reason) => reason === 'too_many'))
  assert.is(statusOf(strict).syncs, 0)
  assert.is(strict.map.size, 0)
})

test('an answer with one rejected part is not a sync either', () => {
  const table = new Table({ maxMessageBytes: 8_000 })
  const [a] = table.seat('a')
  a.map.set('first', noise(3_000))
  const other = table.add('other')
  other.doc.getArray('list').push([...Array(50).keys(), noise(3_000, 5), noise(2_900, 6)])
  table.introduce(['a', 'other'])
  table.round(other)
  table.advance(2_000)
  a.map.set('second', noise(3_000, 2))
  a.map.set('third', noise(3_000, 3))
  table.members.delete('other')
  const strict = seatStrict(table, { clockJump: 40 })
  table.change(strict)
  table.advance(3_000)
  table.round(strict)
  table.advance(3_000)
  assert.ok(rejectionsOf(strict).includes('clock_jump'))
  assert.is(statusOf(strict).syncs, 0)
})

test('no peer is assumed to have a change that all others reject', () => {
  const table = new Table()
  const [writer] = table.seat('writer')
  for (const name of ['b', 'c', 'd']) {
    table.add(name, { limits: { ...LIMITS, entries: 5 } })
  }
  table.introduce(['writer', 'b', 'c', 'd'])
  writer.gossip.close(DOC)
  writer.gossip.open(DOC, writer.replica, { confirmMs: 500 })
  writer.doc.transact(() => {
    for (let i = 0; i < 20; i++) writer.map.set(`k${i}`, i)
  })
  table.change(writer)
  const at = table.now
  for (let second = 0; second < 20; second++) {
    table.advance(1_000)
    // Others write, too, so that pulls cross one another.
    const other = table.get(['b', 'c', 'd'][second % 3]!)
    other.map.set('theirs', second)
    table.change(other)
    for (const member of table.members.values()) table.round(member)
  }
  table.advance(1_000)
  assert.is(writer.map.get('theirs'), 19)
  assert.is(statusOf(writer).unacknowledgedSince, at)
  for (const name of ['b', 'c', 'd']) assert.is(table.get(name).map.size, 1)
})

test('an answer with more entries than a peer accepts goes in chunks', () => {
  const limits = { ...LIMITS, entries: 100 }
  const table = new Table({ limits })
  const [a, b] = table.seat('a', 'b')
  for (let i = 0; i < 1_000; i++) a.map.set(`k${i}`, i)
  for (let i = 0; i < 1_000; i += 2) a.map.delete(`k${i}`)
  table.round(a)
  table.advance(5_000)
  assert.equal(rejectionsOf(b), [])
  assert.is(b.map.size, 500)
  assert.is(a.replica.digest, b.replica.digest)
})

test('another peer whose answer is accepted makes it synced', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  for (let i = 0; i < 20; i++) a.map.set(`k${i}`, i)
  b.map.set('mine', 1)
  const strict = seatStrict(table, { entries: 5 })
  table.members.delete('a')
  table.round(b)
  table.advance(2_000)
  assert.is(strict.map.get('mine'), 1)
  assert.ok(statusOf(strict).syncs > 0)
  assert.equal(rejectionsOf(strict), [])
})

test.run()
