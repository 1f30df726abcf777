/**
 * Listeners that throw, for every event of the document and for local and remote changes: no change is
 * lost, here, at peers, on disk or in transit.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import type { Problem } from '../../src/agent/agent.ts'
import { LogStore, type PilotGossipProvider } from '../../src/index.ts'
import { readEntry, writeEntry } from '../../src/maps/index.ts'
import { inFolder } from '../helpers/folder.ts'
import { onStage } from '../helpers/provider.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('provider: listeners that throw')

type Add = (doc: Y.Doc, listener: () => void) => void

const events = [
  'beforeAllTransactions',
  'beforeTransaction',
  'beforeObserverCalls',
  'afterTransaction',
  'afterTransactionCleanup',
  'update',
  'updateV2',
  'afterAllTransactions',
] as const

const adds: Readonly<Record<string, Add>> = {
  ...Object.fromEntries(
    events.map((name): [string, Add] => [name, (doc, listener) => doc.on(name, listener)]),
  ),
  observe: (doc, listener) => doc.getMap('m').observe(listener),
  observeDeep: (doc, listener) => doc.getMap('m').observeDeep(listener),
}

const mapOf = ({ doc }: { readonly doc: Y.Doc }): Y.Map<unknown> => doc.getMap('m')

const areEqual = (...providers: PilotGossipProvider[]): boolean =>
  new Set(providers.map(({ doc }) => String(Y.encodeSnapshot(Y.snapshot(doc))))).size === 1

const problemsOf = (provider: PilotGossipProvider): Problem[] => {
  const problems: Problem[] = []
  provider.on('problem', (problem) => problems.push(problem))
  return problems
}

/** Throws once, or always, and counts how often it was called. */
const throwing = (isOnce: boolean) => {
  const listener = Object.assign(
    (): void => {
      listener.calls++
      if (!isOnce || listener.calls === 1) throw new Error('of a listener')
    },
    { calls: 0 },
  )
  return listener
}

const WRITES = [0, 1, 2, 3]

/** Writes, and goes on after a write that throws. Returns the messages of the errors. */
const writeAll = (doc: Y.Doc, name: string): string[] => {
  const thrown: string[] = []
  for (const i of WRITES) {
    try {
      if (i === 3) doc.getMap('m').delete(`${name}1`)
      else doc.getMap('m').set(`${name}${i}`, i)
    } catch (error) {
      thrown.push((error as Error).message)
    }
  }
  return thrown
}

const expected = (...names: string[]): Record<string, unknown> =>
  Object.fromEntries(names.flatMap((name) => [0, 2].map((i) => [`${name}${i}`, i])))

const sorted = ({ doc }: { readonly doc: Y.Doc }): unknown =>
  Object.fromEntries(Object.entries(mapOf({ doc }).toJSON()).sort())

for (const [name, add] of Object.entries(adds)) {
  for (const isOnce of [true, false]) {
    for (const isFirst of [true, false]) {
      const how = `${isOnce ? 'once' : 'always'}, added ${isFirst ? 'before' : 'after'} the provider`
      test(`${name}, ${how}: loses no change`, () =>
        inFolder((dir) =>
          onStage(async (stage) => {
            const doc = new Y.Doc()
            const listener = throwing(isOnce)
            if (isFirst) add(doc, listener)
            const store = new LogStore({ dir })
            const [a, b] = [stage.add('a'), stage.add('b', { doc, store })]
            const problems = problemsOf(b)
            await Promise.all([a.whenSynced, b.whenSynced])
            if (!isFirst) add(doc, listener)
            let updates = 0
            doc.on('update', () => updates++)

            writeAll(a.doc, 'a')
            await until('b has all of a', () => sorted(b) && mapOf(b).size === 2)
            await until('it is reported', () => problems.length > 0)
            assert.ok(problems.every(({ type }) => type === 'observer_failed'))
            const calls = listener.calls
            assert.ok(calls > 0)

            const thrown = writeAll(b.doc, 'b')
            assert.equal(
              thrown,
              isOnce ? [] : WRITES.map(() => 'of a listener'),
              'thrown by the call that made the change, as with Yjs',
            )
            assert.ok(listener.calls >= calls + WRITES.length, 'it goes on being called')
            await until('a has all of b', () => mapOf(a).size === 4)
            assert.equal(sorted(a), expected('a', 'b'))
            assert.equal(sorted(b), expected('a', 'b'))
            await until('both are green', () =>
              [a, b].every(({ syncStatus }) => syncStatus.status === 'green'),
            )
            assert.ok(updates >= WRITES.length + 1, 'other listeners get all updates')

            const c = stage.add('c')
            await c.whenSynced
            await until('a newcomer has all', () => mapOf(c).size === 4)
            await b.flush()
            await b.destroy()
            const kept = new Y.Doc()
            const again = stage.add('b', {
              doc: kept,
              store: new LogStore({ dir }),
              connect: false,
            })
            await again.whenLoaded
            assert.equal(sorted({ doc: kept }), expected('a', 'b'))
          }),
        ))
    }
  }
}

test('Yjs alone, with the same writes, loses only events', () => {
  for (const [name, add] of Object.entries(adds)) {
    const [a, b] = [new Y.Doc(), new Y.Doc()]
    const updates: Uint8Array[] = []
    a.on('update', (update) => updates.push(update))
    writeAll(a, 'a')
    add(b, throwing(true))
    for (const update of updates) {
      try {
        Y.applyUpdate(b, update)
      } catch {} // once
    }
    writeAll(b, 'b')
    Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
    assert.equal(sorted({ doc: b }), expected('a', 'b'), name)
  }
})

test('shares writes of a transaction that a listener interrupted before the provider was created', () =>
  onStage(async (stage) => {
    for (const name of ['beforeTransaction', 'update', 'afterAllTransactions'] as const) {
      const doc = new Y.Doc()
      doc.once(name, () => {
        throw new Error('of a listener')
      })
      const thrown = writeAll(doc, 'b')
      assert.equal(thrown, ['of a listener'])
      const [a, b] = [stage.add('a', { room: name }), stage.add('b', { room: name, doc })]
      await Promise.all([a.whenSynced, b.whenSynced])
      await until('a has what was written before', () => mapOf(a).size > 0)
      writeAll(a.doc, 'a')
      writeAll(b.doc, 'b')
      await until('both have all', () => mapOf(a).size === 4 && mapOf(b).size === 4)
      assert.equal(sorted(a), sorted(b))
      await Promise.all([a.destroy(), b.destroy()])
    }
  }))

test('a listener of load, sync or destroy that throws stops nothing', () =>
  inFolder((dir) =>
    onStage(async (stage) => {
      const doc = new Y.Doc()
      let isLast = 0
      for (const name of ['load', 'sync', 'destroy'] as const) {
        doc.on(name, () => {
          throw new Error(`of ${name}`)
        })
      }
      const a = stage.add('a')
      const b = stage.add('b', { doc, store: new LogStore({ dir }) })
      doc.on('destroy', () => isLast++)
      const problems = problemsOf(b)
      await b.whenLoaded
      await b.whenSynced
      assert.equal(
        problems.map((problem) => problem.type === 'observer_failed' && String(problem.error)),
        ['Error: of load', 'Error: of sync'],
      )
      writeAll(a.doc, 'a')
      writeAll(doc, 'b')
      await until('both have all', () => mapOf(a).size === 4 && mapOf(b).size === 4)
      assert.throws(() => doc.destroy(), /of destroy/)
      assert.is(isLast, 1, 'the other listener is called')
      await b.destroy()
      assert.is(b.status, 'disconnected')
    }),
  ))

test('a listener that throws when a subdocument is replaced stops nothing', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a', { subdocs: false }), stage.add('b', { subdocs: false })]
    await Promise.all([a.whenSynced, b.whenSynced])
    for (const { doc } of [a, b]) {
      const sub = new Y.Doc()
      sub.on('destroy', () => {
        throw new Error('of a listener')
      })
      mapOf({ doc }).set(`sub ${doc.clientID}`, sub)
      try {
        mapOf({ doc }).set(`sub ${doc.clientID}`, 'gone')
      } catch {} // as with Yjs
      mapOf({ doc }).set(`after ${doc.clientID}`, 1)
    }
    await until('both have all', () => mapOf(a).size === 4 && mapOf(b).size === 4)
    writeAll(b.doc, 'b')
    await until('and go on', () => mapOf(a).size === 6)
  }))

test('a listener of subdocs that throws stops nothing', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a', { subdocs: false }), stage.add('b', { subdocs: false })]
    await Promise.all([a.whenSynced, b.whenSynced])
    const listener = throwing(false)
    b.doc.on('subdocs', listener)
    const problems = problemsOf(b)
    mapOf(a).set('sub', new Y.Doc())
    writeAll(a.doc, 'a')
    await until('b has all of a', () => mapOf(b).size === 3)
    assert.is(problems[0]?.type, 'observer_failed')
    try {
      mapOf(b).set('sub', new Y.Doc())
    } catch {} // as with Yjs
    writeAll(b.doc, 'b')
    await until('a has all of b', () => mapOf(a).size === 5)
    assert.ok(listener.calls >= 2)
  }))

test('reports what listeners throw during a later cleanup, which has no caller', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a', { connect: false }), stage.add('b', { connect: false })]
    // One of two concurrent entries loses, and its writer removes it later.
    for (const { doc } of [a, b]) writeEntry(doc, 'state', 'hot', doc.clientID, { hot: true })
    const problems = [problemsOf(a), problemsOf(b)]
    for (const { doc } of [a, b]) doc.on('update', throwing(false))
    a.connect()
    b.connect()
    await until('both have one value', () => {
      const values = [a, b].map(({ doc }) => readEntry(doc, 'state', 'hot'))
      return values[0] === values[1]
    })
    await until('the loser is swept', () => areEqual(a, b))
    assert.ok(problems.flat().length >= 3)
    assert.ok(problems.flat().every(({ type }) => type === 'observer_failed'))
  }))

test('a gcFilter that throws loses no change', () =>
  onStage(async (stage) => {
    const doc = new Y.Doc()
    const [a, b] = [stage.add('a'), stage.add('b', { doc })]
    await Promise.all([a.whenSynced, b.whenSynced])
    doc.gcFilter = () => {
      throw new Error('of a filter')
    }
    let updates = 0
    doc.on('update', () => updates++)
    writeAll(doc, 'b')
    await until('a has all of b', () => mapOf(a).size === 2 && mapOf(a).get('b2') === 2)
    writeAll(a.doc, 'a')
    await until('b has all of a', () => mapOf(b).size === 4)
    assert.ok(updates >= 5)
    assert.equal(sorted(a), sorted(b))
  }))

test.run()
