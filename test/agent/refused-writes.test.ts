/**
 * Writes of a program that peers would refuse: detected at once at the writer, with their place, and
 * nothing else is lost. Everything that Yjs and its readers accept is accepted.
 */
import { randomBytes } from 'node:crypto'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { LIMITS } from '../../crdt/index.ts'
import type { Problem } from '../../src/agent/agent.ts'
import { LogStore, type PilotGossipProvider } from '../../src/index.ts'
import { MemoryHub } from '../../src/transports/memory/memory.ts'
import { inFolder } from '../helpers/folder.ts'
import { type AddOptions, onStage, type Stage } from '../helpers/provider.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('refused writes')

const nested = (depth: number, wrap = (value: unknown): unknown => [value]): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

/** A text that hardly compresses. */
const random = (length: number): string => randomBytes(length).toString('base64').slice(0, length)

/** Longer than a push, whole or in fragments. */
const longText = (): string => random(35_000_000)

/** More than any replica accepts. */
const TOO_DEEP = nested(LIMITS.depth + 1)

const problemsOf = (provider: PilotGossipProvider): Problem[] => {
  const problems: Problem[] = []
  provider.on('problem', (problem) => problems.push(problem))
  return problems
}

const bytesOf = ({ doc }: PilotGossipProvider): string => String(Y.encodeStateVector(doc))

/** Checks that both have the same structs and deletes. */
const areEqual = (a: PilotGossipProvider, b: PilotGossipProvider): boolean =>
  bytesOf(a) === bytesOf(b) &&
  String(Y.encodeSnapshot(Y.snapshot(a.doc))) === String(Y.encodeSnapshot(Y.snapshot(b.doc)))

/** The visible length of each root that both know, by name. */
const sizesOf = (doc: Y.Doc, other: Y.Doc): unknown[] =>
  [...doc.share]
    .filter(([name]) => other.share.has(name))
    .map(([name, { _map, _length }]) => [name, _map.size, _length])
    .sort()

const pair = async (stage: Stage, options: AddOptions = {}) => {
  const [a, b] = [stage.add('a', options), stage.add('b')]
  await Promise.all([a.whenSynced, b.whenSynced])
  return [a, b] as const
}

/** Checks that writes before and after arrive, also at a new peer, without a problem. */
const taken = (name: string, write: (doc: Y.Doc) => void, look: (doc: Y.Doc) => unknown): void =>
  test(`${name}: peers accept it`, () =>
    onStage(async (stage) => {
      const [a, b] = await pair(stage)
      const problems = [problemsOf(a), problemsOf(b)]
      a.doc.getMap('plain').set('before', 1)
      write(a.doc)
      a.doc.getMap('plain').set('after', 1)
      await until('b has all', () => b.doc.getMap('plain').has('after') && areEqual(a, b))
      assert.equal(look(b.doc), look(a.doc))
      const c = stage.add('c')
      await c.whenSynced
      await until('the newcomer has all', () => areEqual(a, c))
      assert.equal(look(c.doc), look(a.doc))
      assert.equal(problems, [[], []])
    }))

for (const key of ['constructor', 'prototype', '__proto__']) {
  const own = (value: unknown) => Object.fromEntries([[key, value]])
  taken(
    `a key "${key}"`,
    (doc) => doc.getMap('symbols').set(key, 1),
    (doc) => doc.getMap('symbols').get(key),
  )
  taken(
    `a map "${key}"`,
    (doc) => doc.getMap(key).set('k', 1),
    (doc) => doc.getMap(key).get('k'),
  )
  taken(
    `a key "${key}" within a value`,
    (doc) => doc.getMap('m').set('k', [{ deep: own({ evil: 1 }) }]),
    (doc) => {
      const value = doc.getMap('m').get('k') as [{ deep: object }]
      assert.is(Object.getPrototypeOf(value[0].deep), Object.prototype)
      return JSON.stringify(value)
    },
  )
  taken(
    `a format "${key}"`,
    (doc) => {
      doc.getText('t').insert(0, 'text')
      doc.getText('t').format(1, 2, own({ x: 1 }))
    },
    (doc) => JSON.stringify(doc.getText('t').toJSON()),
  )
  taken(
    `an embed with "${key}"`,
    (doc) => doc.getText('t').insertEmbed(0, own(7)),
    (doc) => JSON.stringify(doc.getText('t').toDelta()),
  )
  taken(
    `an attribute "${key}"`,
    (doc) => {
      const element = new Y.XmlElement('p')
      doc.getXmlFragment('x').insert(0, [element])
      element.setAttribute(key, 'v')
    },
    (doc) => (doc.getXmlFragment('x').get(0) as Y.XmlElement).getAttribute(key),
  )
}

test('accepts names of rooms, and keys of awareness, that JavaScript uses', () =>
  onStage(async (stage) => {
    for (const room of ['constructor', 'prototype']) {
      const [a, b] = [stage.add('a', { room }), stage.add('b', { room })]
      a.doc.getMap('m').set('k', room)
      await until(`b has it in ${room}`, () => b.doc.getMap('m').get('k') === room)
      const state = Object.fromEntries([
        [room, 1],
        ['__proto__', { deep: 1 }],
      ])
      a.awareness.setLocalState(state)
      assert.is(b.awareness.states.size, 1)
      await until('b sees a', () => b.awareness.states.size === 2)
      const seen = b.awareness.states.get(a.awareness.clientID)
      assert.is(JSON.stringify(seen), JSON.stringify(state))
      await Promise.all([a.destroy(), b.destroy()])
    }
  }))

// Depth

const tree = (depth: number) => (doc: Y.Doc) => {
  let map = doc.getMap<unknown>('tree')
  doc.transact(() => {
    for (let i = 0; i < depth; i++) {
      const child = new Y.Map<unknown>([['n', i]])
      map.set('child', child)
      map = child
    }
  })
}

const depthOf = (doc: Y.Doc): number => {
  let depth = 0
  for (let map: unknown = doc.getMap('tree'); map instanceof Y.Map; map = map.get('child')) depth++
  return depth
}

for (const depth of [65, 1_000, 20_000]) taken(`maps nested ${depth} deep`, tree(depth), depthOf)

taken(
  'elements nested 5,000 deep, one in each transaction',
  (doc) => {
    let at: Y.XmlFragment = doc.getXmlFragment('x')
    for (let i = 0; i < 5_000; i++) {
      const element = new Y.XmlElement('div')
      at.insert(0, [element])
      at = element
    }
    at.insert(0, [new Y.XmlText('deep')])
  },
  (doc) => {
    let at: unknown = doc.getXmlFragment('x')
    let depth = 0
    for (; at instanceof Y.XmlFragment; at = at.get(0)) depth++
    return [depth, String(at)]
  },
)

for (const [name, wrap] of [
  ['lists', (value: unknown) => [value]],
  ['objects', (value: unknown) => ({ a: value })],
] as const) {
  taken(
    `a value of ${LIMITS.depth} ${name} in one another`,
    (doc) => doc.getMap('m').set('k', nested(LIMITS.depth, wrap)),
    (doc) => JSON.stringify(doc.getMap('m').get('k')),
  )
}

// Refused

interface Refusing {
  readonly write: (doc: Y.Doc) => void
  readonly path: readonly (string | number)[]
  readonly reason: string
}

const circle: unknown[] = []
circle.push(circle)

const refusals: Readonly<Record<string, Refusing>> = {
  'a value too deep': {
    write: (doc) => doc.getMap('m').set('k', TOO_DEEP),
    path: ['m', 'k'],
    reason: 'too_deep',
  },
  'a value that is inside itself': {
    write: (doc) => doc.getMap('m').set('k', circle),
    path: ['m', 'k'],
    reason: 'too_deep',
  },
  'a value too deep for Yjs to encode': {
    write: (doc) => doc.getMap('m').set('k', nested(100_000)),
    path: ['m', 'k'],
    reason: 'too_deep',
  },
  'a value in the middle of a list': {
    write: (doc) => doc.getArray('l').push([1, TOO_DEEP, 3]),
    path: ['l', 1],
    reason: 'too_deep',
  },
  'a value deep in a tree': {
    write: (doc) => {
      doc.transact(() => {
        tree(100)(doc)
        const child = doc.getMap('tree').get('child') as Y.Map<unknown>
        child.set('list', Y.Array.from([1, { a: TOO_DEEP }]))
      })
    },
    path: ['tree', 'child', 'list', 1],
    reason: 'too_deep',
  },
  'an embed too deep': {
    write: (doc) => doc.getText('t').insertEmbed(0, { a: TOO_DEEP }),
    path: ['t', 0],
    reason: 'too_deep',
  },
  'an embed that JSON cannot represent': {
    write: (doc) => doc.getText('t').insertEmbed(0, { n: 1n }),
    path: ['t', 0],
    reason: 'malformed',
  },
  'a format too deep': {
    write: (doc) => doc.getText('t').insert(0, 'x', { bold: TOO_DEEP }),
    path: ['t', 0],
    reason: 'too_deep',
  },
  'a format that JSON cannot represent': {
    write: (doc) => {
      doc.getText('t').insert(0, 'text')
      doc.getText('t').format(1, 2, { bold: undefined })
    },
    path: ['t', 1],
    reason: 'malformed',
  },
  'an attribute too deep': {
    write: (doc) => {
      const element = new Y.XmlElement('p')
      doc.getXmlFragment('x').insert(0, [element])
      element.setAttribute('a', TOO_DEEP as unknown as string)
    },
    path: ['x', 0, 'a'],
    reason: 'too_deep',
  },
  'options of a subdocument too deep': {
    write: (doc) => doc.getMap('m').set('sub', new Y.Doc({ meta: TOO_DEEP })),
    path: ['m', 'sub'],
    reason: 'too_deep',
  },
  'bytes too long for any message': {
    write: (doc) => doc.getMap('m').set('k', new Uint8Array(randomBytes(26_000_000))),
    path: ['m', 'k'],
    reason: 'too_large',
  },
  'a string too long for any message': {
    write: (doc) => doc.getMap('m').set('k', longText()),
    path: ['m', 'k'],
    reason: 'too_large',
  },
  'an item too long for any message': {
    write: (doc) => doc.getArray('l').push([1, [longText()], 3]),
    path: ['l', 1],
    reason: 'too_large',
  },
}

for (const [name, { write, path, reason }] of Object.entries(refusals)) {
  test(`${name}: is reported to its writer, and nothing else is lost`, () =>
    onStage(
      async (stage) => {
        const [a, b] = await pair(stage)
        const problems = problemsOf(a)
        const others = problemsOf(b)
        a.doc.getMap('plain').set('before', 1)
        write(a.doc)
        const [problem, ...more] = problems
        assert.equal(more, [])
        assert.is(problem?.type, 'refused')
        if (problem?.type !== 'refused') return
        assert.equal(
          { ...problem, message: '' },
          { type: 'refused', from: 'a', document: 'room', reason, path, message: '' },
        )
        assert.match(problem.message, String(path[0]))
        a.doc.getMap('plain').set('after', 1)
        await until('b has the rest', () => b.doc.getMap('plain').has('after') && areEqual(a, b))
        b.doc.getMap('plain').set('back', 1)
        await until('a receives the change of b', () => a.doc.getMap('plain').has('back'))
        await until('all is with others', () => a.syncStatus.status === 'green')
        await a.forceSync()
        const c = stage.add('c')
        await c.whenSynced
        assert.is(c.doc.getMap('plain').size, 3)
        assert.equal(others, [])
        assert.ok(areEqual(a, c))
        assert.equal(sizesOf(a.doc, c.doc), sizesOf(c.doc, a.doc))
      },
      new MemoryHub({ maxMessageBytes: 64 * 1024 }),
    ))
}

test('restores the previous content: a value, a list, a text, a nested map', () =>
  onStage(async (stage) => {
    const [a, b] = await pair(stage)
    const map = a.doc.getMap('m')
    const text = new Y.Text()
    map.set('value', { is: 'here' })
    map.set('bytes', new Uint8Array([1, 2, 3]))
    map.set('text', text)
    text.insert(0, 'some text', { bold: true })
    text.delete(4, 5)
    map.set('list', Y.Array.from([1, [2], new Y.Map([['in', new Y.Map([['deeper', 3]])]])]))
    map.set('gone', 1)
    map.delete('gone')
    const before = JSON.stringify(map.toJSON())
    await until('b has it', () => areEqual(a, b))
    const problems = problemsOf(a)
    for (const key of [...map.keys(), 'gone']) map.set(key, TOO_DEEP)
    assert.is(problems.length, 5)
    assert.is(JSON.stringify(map.toJSON()), before)
    a.doc.transact(() => {
      map.set('twice', 1)
      map.set('twice', TOO_DEEP)
    })
    assert.is(map.get('twice'), 1)
    assert.equal((map.get('text') as Y.Text).toDelta(), [
      { insert: 'some', attributes: { bold: true } },
    ])
    await until('b has the same', () => areEqual(a, b))
    assert.is(JSON.stringify(b.doc.getMap('m').toJSON()), JSON.stringify(map.toJSON()))
  }))

test('observers do not see it, and the transaction keeps its other changes', () =>
  onStage(async (stage) => {
    const [a, b] = await pair(stage)
    const map = a.doc.getMap('m')
    map.set('old', 1)
    const seen: string[] = []
    map.observe((event) => seen.push(...event.changes.keys.keys()))
    a.doc.transact(() => {
      map.set('first', 1)
      map.set('old', TOO_DEEP)
      map.set('new', TOO_DEEP)
      map.set('last', 2)
    })
    assert.not.ok(seen.includes('new'))
    assert.equal(map.toJSON(), { old: 1, first: 1, last: 2 })
    await until('b has it', () => areEqual(a, b))
    assert.equal(b.doc.getMap('m').toJSON(), { old: 1, first: 1, last: 2 })
  }))

test('detects earlier writes, also of another program, when the provider joins', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    doc.getMap('m').set('first', 1)
    doc.getMap('m').set('bad', TOO_DEEP)
    doc.clientID++
    doc.getMap('m').set('last', 2)
    const [a, b] = [stage.add('a', { doc }), stage.add('b')]
    const problems = problemsOf(a)
    await b.whenSynced
    await until('b has the rest', () => areEqual(a, b))
    assert.equal(b.doc.getMap('m').toJSON(), { first: 1, last: 2 })
    assert.equal(
      problems.map((problem) => problem.type === 'refused' && problem.path),
      [['m', 'bad']],
    )
  }))

test('repairs a stored document with such a write when it is loaded', () =>
  inFolder((dir) =>
    onStage(async (stage) => {
      const doc = new Y.Doc()
      doc.getMap('m').set('first', 1)
      doc.getMap('m').set('bad', TOO_DEEP)
      doc.getMap('m').set('last', 2)
      const store = new LogStore({ dir })
      await store.load()
      await store.append(Y.encodeStateAsUpdate(doc))
      await store.close()
      const [a, b] = [stage.add('a', { store: new LogStore({ dir }) }), stage.add('b')]
      await b.whenSynced
      await until('b has the rest', () => areEqual(a, b))
      assert.equal(b.doc.getMap('m').toJSON(), { first: 1, last: 2 })
    }),
  ))

test('checks writes of the tick in which the provider starts against the length of its messages', () =>
  onStage(
    async (stage) => {
      const a = stage.add('a')
      const problems = problemsOf(a)
      a.doc.getMap('m').set('long', longText())
      a.doc.getMap('m').set('short', 1)
      const b = stage.add('b')
      await until('b has the rest', () => b.doc.getMap('m').has('short') && areEqual(a, b))
      assert.equal(
        problems.map(({ type }) => type),
        ['refused'],
      )
    },
    new MemoryHub({ maxMessageBytes: 64 * 1024 }),
  ))

test('a change that a peer refuses nevertheless: no sync, not green, and forceSync rejects with the reason', () =>
  onStage(async (stage) => {
    const a = stage.add('a')
    await until('a is there', () => a.connected)
    const value: unknown[] = []
    a.doc.getMap('m').set('k', value)
    // This cannot be detected: Yjs keeps the object that it was given.
    value.push(TOO_DEEP)
    const b = stage.add('b')
    const problems = problemsOf(b)
    await until('b has refused it', () => problems.length > 0)
    b.doc.getMap('m').set('mine', 1)
    await until('a has what b has', () => a.doc.getMap('m').has('mine'))
    await rejects(
      () => b.forceSync({ timeoutMs: 800 }),
      /timeout a message from "a" in room "room" was refused: .*nested more than/,
    )
    assert.is(b.synced, false)
    assert.is(b.doc.getMap('m').has('k'), false)
    assert.is(a.syncStatus.status, 'yellow')
    assert.ok(problems.every(({ type }) => type === 'refused'))
  }))

test('cuts a long text, and sends what compresses well at any length', () =>
  onStage(
    async (stage) => {
      const [a, b] = await pair(stage)
      const problems = problemsOf(a)
      a.doc.getText('t').insert(0, random(300_000))
      a.doc.getMap('m').set('k', 'x'.repeat(1_000_000))
      await until('b has it', () => b.doc.getMap('m').has('k') && areEqual(a, b))
      assert.equal(problems, [])
      assert.is(b.doc.getText('t').length, 300_000)
    },
    new MemoryHub({ maxMessageBytes: 64 * 1024 }),
  ))

test.run()
