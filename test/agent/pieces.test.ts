/** Messages that wait are taken in pieces of bounded work, with a turn of the event loop between them. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { PushReader } from '../../crdt/index.ts'
import { Agent } from '../../src/agent/agent.ts'
import { PIECE_BYTES, piecesOf } from '../../src/agent/pieces.ts'
import type { Transport, TransportHooks } from '../../src/transports/transport.ts'
import { docOf } from '../helpers/docs.ts'
import { noise, packedState, pushText } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('agent: pieces')

/** A push of `x`, whose document holds one text of that value. */
const pushOf = (writer: number, value: string): string => {
  const doc = docOf(writer)
  doc.getMap('state').set(`k${writer}`, value)
  return pushText({ kv: { update: packedState(doc) } }, { swarm: 'kv' })
}

/** Receives what the test hands over. */
class Hand implements Transport {
  readonly kind = 'memory'
  readonly address = 'a'
  readonly maxMessageBytes = 2 ** 25
  hooks: TransportHooks | undefined
  open(hooks: TransportHooks): Promise<void> {
    this.hooks = hooks
    return Promise.resolve()
  }
  send = (): Promise<void> => Promise.resolve()
  discover = (): Promise<readonly string[]> => Promise.resolve([])
  resolve = (name: string): Promise<string> => Promise.resolve(name)
  close = (): Promise<void> => Promise.resolve()
}

/** Hands over the texts as one batch. Resolves to the keys that were merged in each turn. */
const turnsOf = async (texts: readonly string[]): Promise<number[]> => {
  const transport = new Hand()
  const agent = new Agent({ swarm: 'kv', transport })
  await agent.start()
  try {
    let turn = 0
    let isOver = false
    const count = (): void => {
      turn++
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    const merged = new Map<number, number>()
    const state = agent.doc.getMap('state')
    state.observe(({ keysChanged }) => merged.set(turn, (merged.get(turn) ?? 0) + keysChanged.size))
    const { hooks } = transport
    for (const text of texts) assert.ok(hooks?.accepts(text))
    await hooks?.receiveAll?.(
      texts.map((text) => ({ from: 'x', text })),
      0,
    )
    isOver = true
    assert.is(state.size, texts.length)
    return [...merged.values()]
  } finally {
    await agent.stop()
  }
}

const times = (count: number, make: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => make(i))

test('a batch of short messages is one piece', async () => {
  assert.equal(await turnsOf(times(100, (i) => pushOf(100 + i, 'short'))), [100])
})

test('a batch of long messages is taken in pieces, with a turn between them', async () => {
  // Deflated they take a few hundred bytes each.
  const long = times(12, (i) => pushOf(100 + i, `${i}`.repeat(60_000)))
  assert.ok(long.every((text) => text.length < 2_000))
  const turns = await turnsOf(long)
  assert.is(
    turns.reduce((a, b) => a + b),
    12,
  )
  assert.ok(turns.length >= 3, `${turns}`)
  assert.ok(Math.max(...turns) * 60_000 <= PIECE_BYTES, `${turns}`)
})

test('a message that is longer than a piece is one by itself', async () => {
  const turns = await turnsOf([
    pushOf(1, 'first'),
    pushOf(2, noise(PIECE_BYTES + 1)),
    pushOf(3, 'last'),
  ])
  assert.equal(turns, [1, 1, 1])
})

test('work is what a message announces, whatever it is', () => {
  const reader = new PushReader('kv')
  const doc = docOf(1)
  doc.getMap('state').set('k', 'x'.repeat(100_000))
  const update = packedState(doc)
  const text = pushText({ kv: { update }, other: { update } }, { swarm: 'kv' })
  assert.is(reader.workOf(text), text.length + 2 * update.length)
  assert.ok(update.length > 100_000)
  assert.is(update.length, Y.encodeStateAsUpdate(doc).length)
  const push = (more: object) => JSON.stringify({ type: 'gossip_push', swarm: 'kv', ...more })
  for (const state of [null, 1, 'x', [], [null], { kv: null }, { kv: { update: 1 } }]) {
    const odd = push({ state })
    assert.is(reader.workOf(odd), odd.length)
  }
  for (const length of [-1, '9', null, []]) {
    const odd = push({ state: { kv: { update: { length } } } })
    assert.is(reader.workOf(odd), odd.length)
  }
  assert.is(reader.workOf('not a message'), 13)
  assert.is(reader.workOf(push({ fragment: {} })), Number.POSITIVE_INFINITY)
})

test('pieces keep the order, and lose nothing', () => {
  const sizes = [1, PIECE_BYTES, 2, 3, PIECE_BYTES - 5, 1, 1, Number.POSITIVE_INFINITY, 4]
  const messages = sizes.map((size) => ({ text: `${size}` }))
  const pieces = [...piecesOf(messages, Number)]
  assert.equal(pieces.flat(), messages)
  assert.equal(
    pieces.map((piece) => piece.length),
    [1, 1, 3, 2, 1, 1],
  )
  assert.equal([...piecesOf([], Number)], [])
})

test.run()
