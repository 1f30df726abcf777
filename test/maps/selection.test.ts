/** Keys with a prefix or of a pattern, page by page, from an index that follows each change. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Glob } from '../../src/maps/glob.ts'
import {
  appendEntry,
  deleteEntry,
  incrementEntry,
  keysOf,
  selectKeys,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { SortedKeys } from '../../src/maps/sorted-keys.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: selection')

test('sorted keys: the same as a sorted set, whatever comes and goes', () =>
  eachSeed(30, (random) => {
    const first = Array.from({ length: random.int(0, 1_500) }, () => random.text(3))
    const set = new Set(first)
    const keys = new SortedKeys(set)
    for (let i = 0; i < 2_000; i++) {
      const key = random.text(random.int(0, 3))
      if (random.int(0, 2) === 0) {
        set.add(key)
        keys.add(key)
      } else {
        set.delete(key)
        keys.delete(key)
      }
    }
    const sorted = [...set].sort()
    assert.equal([...keys.from('')], sorted)
    for (let i = 0; i < 20; i++) {
      const key = random.text(random.int(0, 3))
      assert.equal(
        [...keys.from(key)],
        sorted.filter((other) => other >= key),
      )
      assert.equal(
        [...keys.after(key)],
        sorted.filter((other) => other > key),
      )
    }
    for (const key of set) keys.delete(key)
    assert.equal([...keys.from('')], [])
  }))

test('sorted keys: some come and go while they are read', () => {
  const all = Array.from({ length: 3_000 }, (_, i) => String(i).padStart(4, '0'))
  const keys = new SortedKeys(all)
  const read: string[] = []
  for (const key of keys.from('')) {
    read.push(key)
    keys.delete(key)
    keys.add(`0${key}`) // before it
    if (key === '0100') keys.add('9999')
  }
  assert.equal(read, [...all, '9999'])
})

test('patterns', () => {
  const cases: [pattern: string, matching: string[], other: string[]][] = [
    ['*', ['', 'a', 'a/b:c'], []],
    ['', [''], ['a']],
    ['a', ['a'], ['', 'aa', 'b']],
    ['task:*', ['task:', 'task:7', 'task:7/x'], ['task', 'a task:']],
    ['*:done', [':done', 'a:done', 'a:done:done'], ['done', 'a:done:']],
    ['a?c', ['abc', 'a😀c', 'a?c'], ['ac', 'abbc']],
    ['a\\*', ['a*'], ['ab', 'a\\*']],
    ['a\\', ['a\\'], ['a']],
    ['[ab]+(.)$^{1}', ['[ab]+(.)$^{1}'], ['a']],
    ['**a**?', ['ab', 'xaay'], ['a', 'ba']],
  ]
  for (const [pattern, matching, other] of cases) {
    const glob = new Glob(pattern)
    for (const key of matching) assert.ok(glob.matches(key), `${pattern} matches ${key}`)
    for (const key of other) assert.not(glob.matches(key), `${pattern} does not match ${key}`)
    for (const key of matching) assert.ok(key.startsWith(glob.prefix))
  }
  assert.is(new Glob('task:*:a').prefix, 'task:')
  assert.is(new Glob('a\\*b?').prefix, 'a*b')
})

test('a pattern that backtracks for ever elsewhere is matched in steps, not in powers', () => {
  const key = 'a'.repeat(5_000)
  assert.not(new Glob(`${'a*'.repeat(30)}b`).matches(key))
  assert.ok(new Glob(`${'a*'.repeat(30)}a`).matches(key))
})

test('the same keys as a filter finds, while writes, deletes and peers change them', () =>
  eachSeed(20, (random) => {
    const doc = new Y.Doc()
    const peer = new Y.Doc()
    const write = (target: Y.Doc): void => {
      const key = `${random.text(1)}:${random.text(random.int(1, 2))}`
      const kind = random.int(0, 5)
      if (kind === 0) writeEntry(target, 'm', key, 1)
      else if (kind === 1) writeEntry(target, 'm', key, 1, { hot: true })
      else if (kind === 2) deleteEntry(target, 'm', key)
      else if (kind === 3) incrementEntry(target, 'm', key)
      else writeEntry(target, 'other', key, 1)
    }
    for (let i = 0; i < 60; i++) {
      write(random.int(0, 1) === 0 ? doc : peer)
      if (random.int(0, 4) === 0) {
        Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer))
        Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc))
      }
      const prefix = random.text(random.int(0, 2))
      const wanted = keysOf(doc, 'm').filter((key) => key.startsWith(prefix))
      assert.equal(selectKeys(doc, 'm', { prefix }).keys, wanted)
    }
  }))

test('pages: each key once, and a cursor as long as there are more', () => {
  const doc = new Y.Doc()
  const keys = Array.from({ length: 25 }, (_, i) => `k${String(i).padStart(2, '0')}`)
  writeEntries(
    doc,
    'm',
    [...keys, 'x'].map((key) => [key, 1]),
  )
  for (const selection of [{ prefix: 'k' }, { glob: 'k*' }, { glob: '?0*' }, {}]) {
    const all = selectKeys(doc, 'm', { ...selection, limit: 1_000 })
    assert.is(all.cursor, undefined)
    const found: string[] = []
    for (let cursor: string | undefined, pages = 0; ; pages++) {
      const page = selectKeys(doc, 'm', { ...selection, cursor, limit: 10 })
      found.push(...page.keys)
      cursor = page.cursor
      if (cursor === undefined) break
      assert.is(page.keys.length, 10)
      assert.ok(pages < 10)
    }
    assert.equal(found, all.keys)
  }
  assert.is(selectKeys(doc, 'm', { prefix: 'k', limit: 25 }).cursor, undefined)
  assert.equal(selectKeys(doc, 'm', { prefix: 'k', cursor: 'a' }).keys, keys)
  assert.equal(selectKeys(doc, 'm', { prefix: 'k', cursor: 'z' }).keys, [])
})

test('within a transaction the keys are those of the moment', () => {
  const doc = new Y.Doc()
  writeEntry(doc, 'm', 'a1', 1)
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a1'])
  doc.transact(() => {
    writeEntry(doc, 'm', 'a2', 1)
    deleteEntry(doc, 'm', 'a1')
    assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a2'])
  })
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a2'])
})

test('a map that is empty, or that appears later, and a document that is used after its end', () => {
  const doc = new Y.Doc()
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, [])
  doc.getMap('m').set('a1', 1)
  appendEntry(doc, 'm', 'a2', 'item')
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a1', 'a2'])
  doc.destroy()
  doc.getMap('m').set('a3', 1)
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a1', 'a2', 'a3'])
  doc.getMap('m').set('a4', 1)
  assert.equal(selectKeys(doc, 'm', { prefix: 'a' }).keys, ['a1', 'a2', 'a3', 'a4'])
})

test('what is no selection, or no map, is refused', () => {
  const doc = new Y.Doc()
  doc.getText('text').insert(0, 'a')
  for (const limit of [0, -1, 1.5, Number.NaN])
    assert.throws(() => selectKeys(doc, 'm', { limit }), /whole number above 0/)
  assert.throws(() => selectKeys(doc, 'm', { prefix: 'a', glob: 'a*' }), /exclude each other/)
  assert.throws(() => selectKeys(doc, 'text', { prefix: 'a' }), /no map|not a map/)
})

test.run()
