/**
 * Awareness states that peers would refuse: reported to the program at once, with the place. Peers keep
 * the last valid state, and later valid ones are sent as usual. No timer throws.
 */
import * as assert from 'uvu/assert'
import { Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { LIMITS, MAX_AWARENESS_STATE_LENGTH, writeState } from '../../../crdt/index.ts'
import { Agent } from '../../../src/agent/agent.ts'
import type { Problem } from '../../../src/agent/problem.ts'
import type { PilotGossipProvider } from '../../../src/provider/index.ts'
import { onStage, turns, write } from '../../helpers/provider.ts'
import { suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'
import { warnings } from '../../helpers/warnings.ts'

const test = suite('awareness that peers refuse')

type Refused = Problem & { readonly type: 'refused' }

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = { in: value }
  return value
}

const circular = (): object => {
  const state: Record<string, unknown> = { name: 'Ada', list: [1, {}] }
  ;(state.list as unknown[])[1] = { around: state }
  return state
}

const thrower = (error: unknown) => ({
  toJSON: () => {
    throw error
  },
})

interface Bad {
  readonly state: () => unknown
  readonly reason: string
  readonly path: readonly (string | number)[]
  readonly message: RegExp
}

const bad: Readonly<Record<string, Bad>> = {
  'a BigInt': {
    state: () => ({ at: 1n }),
    reason: 'malformed',
    path: ['at'],
    message: /^awareness\.at: a BigInt/,
  },
  'a BigInt far within': {
    state: () => ({ ok: [1, { x: 'y' }], cursors: [{ at: 1 }, { 'the place': { at: 1n } }] }),
    reason: 'malformed',
    path: ['cursors', 1, 'the place', 'at'],
    message: /^awareness\.cursors\[1\]\["the place"\]\.at: a BigInt/,
  },
  'an object inside itself': {
    state: circular,
    reason: 'malformed',
    path: ['list', 1, 'around'],
    message: /^awareness\.list\[1\]\.around: .*inside itself/,
  },
  'a toJSON that throws': {
    state: () => ({ user: thrower(new Error('no user')) }),
    reason: 'malformed',
    path: ['user'],
    message: /^awareness\.user: .*no user/,
  },
  'a toJSON that throws no error': {
    state: () => ({ user: thrower(Object.create(null)) }),
    reason: 'malformed',
    path: ['user'],
    message: /^awareness\.user: /,
  },
  'a toJSON of the state that throws': {
    state: () => thrower('no state'),
    reason: 'malformed',
    path: [],
    message: /^awareness: .*no state/,
  },
  'a getter that throws': {
    state: () => ({
      // At the top level y-protocols itself would throw in the call that sets the state.
      where: Object.defineProperty({}, 'at', {
        enumerable: true,
        get: () => {
          throw new Error('no place')
        },
      }),
    }),
    reason: 'malformed',
    path: ['where', 'at'],
    message: /^awareness\.where\.at: .*no place/,
  },
  'a proxy that cannot be read': {
    state: () => ({
      at: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no keys')
          },
        },
      ),
    }),
    reason: 'malformed',
    path: ['at'],
    message: /^awareness\.at: .*no keys/,
  },
  undefined: { state: () => undefined, reason: 'malformed', path: [], message: /undefined/ },
  'a function': {
    state: () => () => undefined,
    reason: 'malformed',
    path: [],
    message: /^awareness: a function/,
  },
  'a list': {
    state: () => [{ at: 1 }],
    reason: 'malformed',
    path: [],
    message: /^awareness: a list/,
  },
  'a text': { state: () => 'here', reason: 'malformed', path: [], message: /^awareness: a string/ },
  'a number': { state: () => 7, reason: 'malformed', path: [], message: /^awareness: a number/ },
  'a date': {
    state: () => new Date(0),
    reason: 'malformed',
    path: [],
    message: /^awareness: an object/,
  },
  'a toJSON that gives null': {
    state: () => ({ toJSON: () => null }),
    reason: 'malformed',
    path: [],
    message: /^awareness: an object/,
  },
  'too long': {
    state: () => ({ name: 'Ada', text: 'x'.repeat(MAX_AWARENESS_STATE_LENGTH), more: [1, 2] }),
    reason: 'too_large',
    path: ['text'],
    message: /^awareness\.text: the state has 16\d\d\d characters.*16384/,
  },
  'too deep': {
    state: () => ({ tree: nested(LIMITS.depth) }),
    reason: 'too_deep',
    path: ['tree', ...Array.from({ length: LIMITS.depth - 1 }, () => 'in')],
    message: /^awareness\.tree\.in.*…\.in.*: .*nested/,
  },
  'too deep for JSON': {
    state: () => ({ tree: nested(100_000) }),
    reason: 'too_deep',
    path: ['tree', ...Array.from({ length: LIMITS.depth - 1 }, () => 'in')],
    message: /^awareness\.tree\.in.*: .*nested/,
  },
}

const refusedOf = (problems: readonly Problem[]): Refused[] =>
  problems.filter((problem): problem is Refused => problem.type === 'refused')

const problemsOf = (provider: PilotGossipProvider): Problem[] => {
  const problems: Problem[] = []
  provider.on('problem', (problem) => problems.push(problem))
  return problems
}

for (const [name, { state, reason, path, message }] of Object.entries(bad)) {
  test(`${name}: is reported with its place; peers keep the last valid state and get later ones`, () =>
    onStage(async (stage) => {
      const [a, b] = [stage.add('a'), stage.add('b')]
      const [problems, others] = [problemsOf(a), problemsOf(b)]
      const seen = (): unknown => b.awareness.getStates().get(a.doc.clientID)
      a.awareness.setLocalState({ good: 1 })
      await until('b sees it', () => JSON.stringify(seen()) === '{"good":1}')
      const clock = (): number => b.awareness.meta.get(a.doc.clientID)?.clock ?? 0
      const before = clock()
      a.awareness.setLocalState(state() as never)
      const [refused] = refusedOf(problems)
      assert.is(problems.length, 1, 'at once, and once')
      assert.is(refused?.reason, reason)
      assert.is(refused?.part, 'awareness')
      assert.is(refused?.document, 'room')
      assert.is(refused?.from, 'a')
      assert.equal(refused?.path, path)
      assert.match(refused?.message ?? '', message)
      await until('it is reported', () => clock() > before)
      assert.equal(seen(), { good: 1 }, 'the last good one stays')
      const c = stage.add('c')
      void c.awareness
      await until('a newcomer sees it', () => c.awareness.getStates().has(a.doc.clientID))
      assert.equal(c.awareness.getStates().get(a.doc.clientID), { good: 1 })
      write(a, 'x')
      await until('all else goes on', () => b.doc.getText('text').length === 1)
      a.awareness.setLocalState({ good: 2 })
      await until('b sees the next one', () => JSON.stringify(seen()) === '{"good":2}')
      a.awareness.setLocalState(null)
      await until('and that it goes', () => seen() === undefined)
      assert.is(problems.length, 1)
      assert.equal(others, [])
    }))

  test(`${name}: is refused when it is written`, () => {
    assert.equal(writeState(state()).rejected?.path, path)
    assert.is(writeState(state()).rejected?.reason, reason)
    assert.match(writeState(state()).rejected?.message ?? '', message)
  })
}

const good: Readonly<Record<string, unknown>> = {
  'nothing in it': {},
  'fields that JSON leaves out': { a: undefined, b: () => 1, c: Symbol('x'), d: Number.NaN },
  'a date within': { at: new Date(0) },
  'one object at two places': ((one) => ({ a: one, b: [one, one] }))({ x: 1 }),
  'as long as peers take': { a: 'x'.repeat(MAX_AWARENESS_STATE_LENGTH - 8) },
  'long in bytes, not in characters': { a: '\u6f22'.repeat(MAX_AWARENESS_STATE_LENGTH - 8) },
  'as deep as peers take': nested(LIMITS.depth),
  'any key': JSON.parse('{"__proto__":{"x":1},"constructor":2}'),
  'half a character': { a: 'x\ud800' },
}

for (const [name, state] of Object.entries(good)) {
  test(`${name}: is sent as its JSON`, () =>
    onStage(async (stage) => {
      const [a, b] = [stage.add('a'), stage.add('b')]
      const problems = [problemsOf(a), problemsOf(b)]
      for (const _ of [1, 2]) {
        a.awareness.setLocalState({ before: 1 })
        a.awareness.setLocalState(state as never)
        void b.awareness
        await until('b sees it', () => {
          const seen = b.awareness.getStates().get(a.doc.clientID)
          return JSON.stringify(seen) === JSON.stringify(state)
        })
      }
      assert.equal(problems, [[], []])
    }))
}

test('is reported at once before the provider is connected; peers see the previous state', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { connect: false })
    const problems = problemsOf(a)
    a.awareness.setLocalState({ good: 1 })
    a.awareness.setLocalState({ at: 1n })
    assert.is(refusedOf(problems).length, 1)
    a.connect()
    const b = stage.add('b')
    await until('b sees a', () => b.awareness.getStates().has(a.doc.clientID))
    assert.equal(b.awareness.getStates().get(a.doc.clientID), { good: 1 })
    assert.is(refusedOf(problems).length, 1, 'and not reported again')
  }))

test('a state that is invalid from the start in an awareness of the program: is reported when it is shared, and not sent', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalState({ at: 1n })
    const a = stage.add('a', { doc, awareness })
    const problems = problemsOf(a)
    const b = stage.add('b')
    b.awareness.setLocalState({ name: 'Bob' })
    await until('reported', () => refusedOf(problems).length === 1)
    await until('a sees b', () => awareness.getStates().has(b.doc.clientID))
    assert.not.ok(b.awareness.getStates().has(doc.clientID))
    awareness.setLocalState({ name: 'Ada' })
    await until('b sees a', () => b.awareness.getStates().get(doc.clientID)?.name === 'Ada')
    awareness.setLocalState({ at: { x: 1n } })
    assert.equal(refusedOf(problems)[1]?.path, ['at', 'x'])
    await a.destroy()
    awareness.setLocalState({ at: 2n })
    assert.is(refusedOf(problems).length, 2, 'no check after the end')
    awareness.destroy()
  }))

test('a state of another client that the program replaced does not stop the others from being sent', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    a.awareness.setLocalState({ name: 'Ada' })
    a.awareness.states.set(77, { at: 1n })
    a.awareness.states.set(78, { at: 1 })
    a.awareness.meta.set(77, { clock: 1, lastUpdated: Date.now() })
    a.awareness.emit('update', [{ added: [77, 78], updated: [], removed: [] }, 'local'])
    await until('b sees a', () => b.awareness.getStates().get(a.doc.clientID)?.name === 'Ada')
    assert.not.ok(b.awareness.getStates().has(77))
    assert.throws(() => encodeAwarenessUpdate(a.awareness, [77]), TypeError)
  }))

test('an agent reports it to its own onProblem', () =>
  onStage(async (stage) => {
    const problems: Problem[] = []
    const agent = new Agent({
      swarm: 'pilot-gossip',
      transport: stage.transport('a'),
      onProblem: (problem) => problems.push(problem),
    })
    await agent.start()
    agent.room.awareness.setLocalState({ at: 1n })
    const room = await agent.openRoom('room')
    room.awareness.setLocalState({ deep: [1n] })
    assert.equal(
      refusedOf(problems).map(({ document, path }) => [document, path]),
      [
        ['pilot-gossip', ['at']],
        ['room', ['deep', 0]],
      ],
    )
    await agent.stop()
  }))

test('becomes a warning of the process without a listener', () =>
  onStage(async (stage) => {
    const warned = warnings()
    const a = stage.add('a')
    a.awareness.setLocalState({ at: 1n })
    await turns(2)
    warned.end()
    assert.is(warned.texts.length, 1)
    assert.match(warned.texts[0] ?? '', /awareness\.at: a BigInt/)
  }))

test.run()
