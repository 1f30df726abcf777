/** Folders of earlier versions (see `fixtures/store/README.md`) are opened and written to. */
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { readEntries } from '../../src/maps/index.ts'
import { Identity } from '../../src/store/identity.ts'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store, StoreProblem } from '../../src/store/store.ts'
import { writerId } from '../../src/store/writer.ts'
import { docOf, written } from '../fixtures/store/updates.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store golden')

const FIXTURES = fileURLToPath(new URL('../fixtures/store', import.meta.url))

interface Golden {
  readonly open: (dir: string) => Store
  readonly updates: number
  readonly problems?: readonly StoreProblem['type'][]
  /** The entries of the map `hot`. */
  readonly hot?: unknown
}

const logIn = (dir: string): Store => new LogStore({ dir: join(dir, 'log') })

const GOLDEN: Readonly<Record<string, Golden>> = {
  'format-1': { open: (dir) => new LogStore({ dir }), updates: 3 },
  'format-1-log': { open: logIn, updates: 6 },
  'format-1-torn': { open: logIn, updates: 6, problems: ['torn'] },
  'format-1-compacting': { open: logIn, updates: 6 },
  'format-1-compacted': { open: logIn, updates: 3 },
  'format-1-hot': {
    open: logIn,
    updates: 15,
    hot: { beat: { beat: 4 }, count: 5, list: ['a', { b: 1 }] },
  },
  'level-1': { open: (dir) => new LevelStore({ dir: join(dir, 'level') }), updates: 3 },
}

test('the table lists every golden folder', () => {
  const entries = readdirSync(FIXTURES, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  assert.equal(folders.sort(), Object.keys(GOLDEN).sort())
})

for (const [name, { open, updates, problems = [], hot = {} }] of Object.entries(GOLDEN)) {
  test(`opens ${name} and writes to it`, () =>
    inFolder(async (dir) => {
      cpSync(join(FIXTURES, name), dir, { recursive: true })
      const identity = new Identity({ dir })
      await identity.open()
      const store = open(dir)
      const loaded = await store.load()
      assert.equal(
        loaded.problems.map(({ type }) => type),
        problems,
      )
      assert.is(loaded.updates.length, updates)
      const doc = docOf(loaded)
      const content = { old: 2, list: ['a', null, 2.5, { b: 'gr\u00fcn' }] }
      assert.equal(doc.getMap('map').toJSON(), content)
      assert.is(doc.getText('text').toString(), 'hello \u{1f99c}')
      assert.equal(readEntries(doc, 'hot'), hot)

      const record = JSON.parse(readFileSync(join(FIXTURES, name, 'writer.json'), 'utf8'))
      const writer = writerId(0xcafe, record.incarnation)
      const clocks = Y.decodeStateVector(Y.encodeStateVector(doc))
      assert.is(clocks.get(writer), record.published)
      assert.equal(await identity.take(0xcafe, clocks), { writer, reason: 'same' })

      // It goes on, through a compaction, as with a folder of its own.
      await store.append(written(1, 1, doc).updates[0]!)
      await store.compact(doc)
      await store.append(written(1, 1, doc).updates[0]!)
      await store.close()
      await identity.close()
      const again = open(dir)
      const after = await again.load()
      await again.close()
      assert.equal([after.problems, after.updates.length], [[], 1])
      assert.equal(docOf(after).getMap('map').toJSON(), content)
      assert.equal(docOf(after).getMap('numbers').toJSON(), { k0: 0 })
    }))
}

test.run()
