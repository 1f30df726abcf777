/**
 * Valtio's proxies, bound to documents that our provider shares by valtio-yjs: what is assigned on
 * one side is there on the other, subscribers are told, and nothing goes to and fro.
 */
import * as assert from 'uvu/assert'
import { proxy, snapshot, subscribe } from 'valtio/vanilla'
import { bind } from 'valtio-yjs'
import * as Y from 'yjs'
import { onStage, type Stage } from '../helpers/provider.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { areSame, CountingTransport, comeToRest, NO_ROUNDS } from './swarm.ts'

/** Of each of two writers. */
const WRITES = 100

interface Board {
  title?: string
  size?: { width: number; height: number }
  cards?: string[]
  scores?: Record<string, number>
}

/** A proxy that is shared, and how often its subscriber was told. */
const share = (stage: Stage, name: string) => {
  const doc = new Y.Doc()
  const board = proxy<Board>({})
  const unbind = bind(board as Record<string, unknown>, doc.getMap('board'), {
    transactionOrigin: board,
  })
  const via = new CountingTransport(stage.hub, name)
  const provider = stage.add(name, { doc, via, config: NO_ROUNDS })
  const told = { times: 0 }
  subscribe(board, () => told.times++)
  return { doc, board, unbind, via, provider, told }
}

/** What is seen, and what is shared. */
const bothOf = ({ board, doc }: ReturnType<typeof share>): unknown[] => [
  snapshot(board),
  doc.getMap('board').toJSON(),
]

const test = suite('conformance: valtio-yjs')

test('what is assigned on one side is told on the other', () =>
  onStage(async (stage) => {
    const [a, b] = [share(stage, 'a'), share(stage, 'b')]
    a.board.title = 'plan'
    a.board.size = { width: 1, height: 2 }
    a.board.cards = ['one']
    await until('b has it', () => b.board.cards?.length === 1 && b.board.size?.height === 2)
    await until('b is told', () => b.told.times > 0)
    assert.is(b.board.title, 'plan')

    const before = a.told.times
    b.board.size!.width = 7
    b.board.cards!.push('two')
    delete b.board.title
    await until('a has it', () => a.board.size?.width === 7 && a.board.cards?.length === 2)
    await until('a is told', () => a.told.times > before)
    const expected = { size: { width: 7, height: 2 }, cards: ['one', 'two'] }
    for (const side of [a, b]) assert.equal(bothOf(side), [expected, expected])

    await comeToRest('both', () => a.via.sent + b.via.sent)
    assert.ok(areSame([a.doc, b.doc]))
    a.unbind()
    a.board.title = 'mine'
    b.board.title = 'yours'
    await until('the document has it', () => a.doc.getMap('board').get('title') === 'yours')
    assert.is(a.board.title, 'mine', 'what is not bound any more stays')
  }))

test('both write at once, one of them away for a while', () =>
  onStage(async (stage) => {
    const [a, b] = [share(stage, 'a'), share(stage, 'b')]
    a.board.scores = {}
    await until('b has it', () => b.board.scores !== undefined)
    b.provider.disconnect()
    for (let i = 0; i < WRITES; i++) {
      a.board.scores[`a${i}`] = i
      b.board.scores![`b${i}`] = i
      a.board.scores.both = i
      b.board.scores!.both = -i
      if (i === WRITES / 2) b.provider.connect()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const sizeOf = ({ board }: ReturnType<typeof share>) => Object.keys(board.scores ?? {}).length
    await until('both have all', () => [a, b].every((side) => sizeOf(side) === 2 * WRITES + 1))
    await comeToRest('both', () => a.via.sent + b.via.sent)
    assert.ok(areSame([a.doc, b.doc]))
    const [seen, shared] = bothOf(a)
    assert.equal(seen, shared)
    assert.equal(bothOf(b), [seen, shared])
  }))

test.run()
