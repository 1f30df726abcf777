/**
 * Yjs's undo manager and documents that keep what was deleted (`gc: false`), across a swarm: one
 * takes back what was done here and nothing that others did, and peers follow.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { onStage, QUICK, textOf, write } from '../helpers/provider.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'
import { contentOf, edit, newDoc, rootsOf } from './edits.ts'
import { areSame } from './swarm.ts'

/** Operations of the history that is taken back. */
const OPERATIONS = 200

/** Of a text that is long for an editor. */
const MILLION = 1_000_000

/** Each change is a step of its own. */
const STEPS = { captureTimeout: 0 }

const test = suite('conformance: undo')

test('takes back what was written here, and nothing of others', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const all = [a, b]
    const undo = new Y.UndoManager(a.doc.getText('text'), STEPS)
    const both = (text: string) =>
      until(`both have "${text}"`, () => all.every((one) => textOf(one) === text))
    write(a, 'mine ')
    await both('mine ')
    write(b, 'yours ')
    await both('mine yours ')
    write(a, 'last')
    await both('mine yours last')
    assert.is(undo.undoStack.length, 2, 'what came from b is no step of ours')

    undo.undo()
    await both('mine yours ')
    undo.undo()
    await both('yours ')
    undo.redo()
    await both('mine yours ')
    b.doc.getText('text').delete(0, 'mine '.length)
    await both('yours ')
    undo.redo()
    await both('yours last')
    assert.ok(areSame(all.map(({ doc }) => doc)))
  }))

for (const gc of [true, false]) {
  const peer = gc ? 'a peer that collects garbage' : 'a peer that keeps it too'
  test(`undo brings back what was deleted, with ${peer}`, () =>
    onStage(async (stage) => {
      const a = stage.add('a', { doc: newDoc({ gc: false }) })
      const b = stage.add('b', { doc: newDoc({ gc }) })
      const docs = [a.doc, b.doc]
      const { map, text } = rootsOf(a.doc)
      const undo = new Y.UndoManager([map, text], STEPS)
      text.insert(0, 'bold and plain', { bold: true })
      map.set('nested', new Y.Map([['deep', Y.Array.from([1, 2])]]))
      await until('b has it', () => areSame(docs) && b.doc.getMap('map').size === 1)
      const before = contentOf(b.doc)
      map.delete('nested')
      text.delete(4, 4)
      text.format(0, 4, { bold: null })
      await until('b has the deletes', () => areSame(docs) && b.doc.getMap('map').size === 0)
      const after = contentOf(b.doc)
      for (const step of [1, 2, 3]) assert.ok(undo.undo(), `step ${step}`)
      await until('it is back at b', () => areSame(docs))
      assert.equal(contentOf(b.doc), before)
      for (const step of [1, 2, 3]) assert.ok(undo.redo(), `step ${step}`)
      await until('it is gone again', () => areSame(docs))
      assert.equal(contentOf(b.doc), after)
    }))
}

test('two who write, undo and redo at once agree', () =>
  onStage(async (stage) => {
    const random = new Random(9)
    const docs = [newDoc({ gc: false }), newDoc()]
    const managers = docs.map((doc) => new Y.UndoManager(Object.values(rootsOf(doc)), STEPS))
    for (const [index, doc] of docs.entries()) {
      stage.add(`m${index}`, { doc, config: { ...QUICK, batchMs: 5 } })
    }
    let undone = 0
    for (let i = 0; i < OPERATIONS; i++) {
      const index = random.int(0, 1)
      const manager = managers[index]!
      if (random.chance(0.7)) edit(docs[index]!, random)
      else if (random.chance(0.6)) undone += manager.undo() ? 1 : 0
      else manager.redo()
      if (random.chance(0.1)) await new Promise((resolve) => setTimeout(resolve, 2))
    }
    await until('both agree', () => areSame(docs))
    assert.ok(undone > 10, `${undone} undone`)
    assert.equal(contentOf(docs[1]!), contentOf(docs[0]!))
  }))

test('without garbage collection a peer can show an earlier state', () =>
  onStage(async (stage) => {
    const a = stage.add('a', { doc: newDoc({ gc: false }) })
    const b = stage.add('b', { doc: newDoc({ gc: false }) })
    const docs = [a.doc, b.doc]
    write(a, 'the first version')
    await until('b has it', () => textOf(b) === 'the first version')
    const first = Y.snapshot(a.doc)
    a.doc.getText('text').delete(0, 9)
    b.doc.getText('text').insert(0, 'not ')
    await until('both agree', () => areSame(docs) && textOf(b).startsWith('not'))
    assert.is(textOf(a), 'not  version')
    for (const doc of docs) {
      const then = Y.createDocFromSnapshot(doc, Y.decodeSnapshot(Y.encodeSnapshot(first)))
      assert.is(then.getText('text').toString(), 'the first version')
    }
  }))

test('a text of a million characters is shared, edited and undone', () =>
  onStage(async (stage) => {
    const [a, b] = [stage.add('a'), stage.add('b')]
    const undo = new Y.UndoManager(a.doc.getText('text'), STEPS)
    const random = new Random(10)
    const long = random.letters(1_000).repeat(MILLION / 1_000)
    write(a, long)
    await until('b has all', () => b.doc.getText('text').length === MILLION)
    b.doc.getText('text').insert(MILLION / 2, 'here')
    a.doc.getText('text').delete(0, 1_000)
    await until('both agree', () => areSame([a.doc, b.doc]) && textOf(a).includes('here'))
    undo.undo()
    await until('it is back', () => b.doc.getText('text').length === MILLION + 4)
    const expected = `${long.slice(0, MILLION / 2)}here${long.slice(MILLION / 2)}`
    assert.ok(textOf(a) === expected, 'a has it as it was')
    assert.ok(textOf(b) === expected, 'b has it as it was')
    undo.undo()
    await until('all of ours is gone', () => textOf(b) === 'here')
  }))

test.run()
