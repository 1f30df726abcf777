/** Members that a peer made up: they cost honest peers no turn, few sends, and their namer its credit. */
import * as assert from 'uvu/assert'
import { DOC, type Member, pushText, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: made-up members')

const HONEST = ['b', 'c', 'd']
const DIGEST = 'd'.repeat(22)

const hello = (members: readonly string[]): string =>
  pushText({ [DOC]: { digest: DIGEST } }, { members })

const isMadeUp = (address: string): boolean => address.startsWith('ghost')

/** A swarm of four, and `pushes` of 64 made-up members each that `from` sends to `a`. */
const flooded = (pushes: number, from = 'evil'): { table: Table; a: Member } => {
  const table = new Table()
  const [a] = table.seat('a', ...HONEST)
  table.fate = (_, to) => (isMadeUp(to) ? 'failed' : 'sent')
  for (const name of HONEST) table.round(table.get(name))
  table.settle()
  for (let i = 0; i < pushes; i++) {
    const members = Array.from({ length: 64 }, (_, k) => `ghost-${from}-${i}-${k}`)
    table.deliver({ from, to: 'a', text: hello(members) })
  }
  table.settle()
  table.log.length = 0
  return { table, a }
}

test('a write goes to all honest peers at once, as before', () => {
  const { table, a } = flooded(300)
  a.map.set('k', 1)
  table.change(a)
  table.advance(30)
  for (const name of HONEST) assert.is(table.get(name).map.get('k'), 1, name)
  assert.equal(
    table.log.filter(({ to }) => isMadeUp(to)),
    [],
  )
})

test('honest peers keep their turns in rounds, and few sends go to made-up addresses', () => {
  const { table, a } = flooded(300)
  for (let i = 0; i < 40; i++) {
    table.now += 5_000
    table.round(a)
    table.settle()
  }
  const ofA = table.log.filter(({ from }) => from === 'a')
  const wasted = ofA.filter(({ to }) => isMadeUp(to)).length
  assert.ok(wasted <= 40, `${wasted} sends to addresses that do not exist`)
  const turns = HONEST.map((name) => ofA.filter(({ to }) => to === name).length)
  assert.ok(Math.min(...turns) >= 10, `${turns} turns in 40 rounds`)
})

test('made-up members take bounded memory, and leave room for members that exist', () => {
  const { table, a } = flooded(300)
  assert.ok(a.gossip.peers.size <= 300, `${a.gossip.peers.size} peers`)
  table.add('new')
  table.deliver({ from: 'b', to: 'a', text: hello(['new']) })
  for (let i = 0; i < 4; i++) {
    table.now += 5_000
    table.round(a)
    table.settle()
  }
  assert.ok(table.get('new').gossip.peers.get('a')?.wasReached, 'the newcomer was not tried')
})

test('twenty namers waste no more sends than one at a time', () => {
  const { table, a } = flooded(10)
  for (let k = 0; k < 20; k++) {
    const members = Array.from({ length: 64 }, (_, i) => `ghost-${k}-${i}`)
    table.deliver({ from: `evil${k}`, to: 'a', text: hello(members) })
  }
  table.settle()
  table.log.length = 0
  for (let i = 0; i < 20; i++) {
    table.now += 5_000
    table.round(a)
    table.settle()
  }
  const wasted = table.log.filter(({ from, to }) => from === 'a' && isMadeUp(to)).length
  // Three strangers a round, and two sends for each.
  assert.ok(wasted <= 20 * 3 * 2, `${wasted} sends to addresses that do not exist`)
  assert.ok(a.gossip.peers.size <= 1_300, `${a.gossip.peers.size} peers`)
})

test('once its names have proved false, a peer names in vain; after a while it may again', () => {
  const { table, a } = flooded(300)
  for (let i = 0; i < 12; i++) {
    table.now += 5_000
    table.round(a)
    table.settle()
  }
  const name = (address: string): boolean => {
    table.deliver({ from: 'evil', to: 'a', text: hello([address]) })
    return a.gossip.peers.get(address) !== undefined
  }
  assert.not(name('ghost-again'))
  assert.is(a.gossip.peers.scores.of('evil', table.now).reason, 'made_up_member')
  table.now += 300_000
  assert.ok(name('ghost-later'))
})

test.run()
