/**
 * SyncedStore, plain objects over a document, on top of documents that our provider shares: what
 * is set on one side is there on the other, and those who watch it are told.
 */
import { getYjsDoc, observeDeep, syncedStore } from '@syncedstore/core'
import * as assert from 'uvu/assert'
import { onStage, type Stage } from '../helpers/provider.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { areSame, CountingTransport, comeToRest, NO_ROUNDS } from './swarm.ts'

/** Of each of two writers. */
const WRITES = 50

interface Task {
  title: string
  done: boolean
  tags?: string[]
}

const storeOf = () =>
  syncedStore({
    tasks: [] as Task[],
    settings: {} as { color?: string; window?: { width: number; height: number } },
    note: 'text',
  })

/** A store that is shared, and how often it was told that something had changed. */
const share = (stage: Stage, name: string) => {
  const via = new CountingTransport(stage.hub, name)
  const store = storeOf()
  const doc = getYjsDoc(store)
  const provider = stage.add(name, { doc, via, config: NO_ROUNDS })
  const told = { tasks: 0, settings: 0 }
  observeDeep(store.tasks, () => told.tasks++)
  observeDeep(store.settings, () => told.settings++)
  return { store, doc, provider, told, via }
}

const jsonOf = ({ tasks, settings }: ReturnType<typeof storeOf>): unknown =>
  JSON.parse(JSON.stringify({ tasks, settings }))

const test = suite('conformance: SyncedStore')

test('what is set on one side is told on the other', () =>
  onStage(async (stage) => {
    const [a, b] = [share(stage, 'a'), share(stage, 'b')]
    a.store.tasks.push({ title: 'first', done: false, tags: ['x'] })
    a.store.settings.color = 'red'
    await until('b is told', () => b.told.tasks > 0 && b.told.settings > 0)
    assert.equal(b.store.tasks[0]?.title, 'first')
    assert.equal(b.store.settings.color, 'red')

    const mine = b.told.tasks
    const theirs = a.told.tasks
    b.store.tasks[0]!.done = true
    b.store.tasks[0]!.tags!.push('y')
    b.store.settings.window = { width: 3, height: 4 }
    assert.ok(b.told.tasks > mine, 'the writer is told too')
    await until('a has it', () => a.store.settings.window?.height === 4)
    assert.ok(a.told.tasks > theirs)
    assert.is(a.store.tasks[0]?.done, true)
    assert.equal([...a.store.tasks[0]!.tags!], ['x', 'y'])

    a.store.tasks.splice(0, 1)
    delete a.store.settings.color
    await until('it is gone at b', () => b.store.tasks.length === 0 && !b.store.settings.color)
    await comeToRest('both', () => a.via.sent + b.via.sent)
    assert.ok(areSame([a.doc, b.doc]))
  }))

test('both write at once, one of them away for a while, and a third comes late', () =>
  onStage(async (stage) => {
    const [a, b] = [share(stage, 'a'), share(stage, 'b')]
    await Promise.all([a.provider.whenSynced, b.provider.whenSynced])
    b.provider.disconnect()
    for (let i = 0; i < WRITES; i++) {
      a.store.tasks.push({ title: `a${i}`, done: false })
      b.store.tasks.push({ title: `b${i}`, done: true })
      a.store.note.insert(0, 'a')
      b.store.note.insert(0, 'b')
    }
    a.store.settings.window = { width: 1, height: 1 }
    b.provider.connect()
    const late = share(stage, 'late')
    const all = [a, b, late]
    await until('all have all', () =>
      all.every(({ store }) => store.tasks.length === 2 * WRITES && store.settings.window),
    )
    for (const { store } of all.slice(1)) {
      assert.equal(jsonOf(store), jsonOf(a.store))
      assert.is(store.note.toString(), a.store.note.toString())
    }
    assert.is(a.store.note.length, 2 * WRITES)
    assert.is(a.store.tasks.filter(({ done }) => done).length, WRITES)
    assert.ok(late.told.tasks > 0)
    await comeToRest('all', () => a.via.sent + b.via.sent + late.via.sent)
    assert.ok(areSame(all.map(({ doc }) => doc)))
  }))

test.run()
