/** What a room does with its document before the store is loaded into it. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Room } from '../../src/agent/room.ts'
import { writeEntry } from '../../src/maps/index.ts'
import type { Store } from '../../src/store/store.ts'
import { docOf, HOT } from '../helpers/maps.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('room')

test('hot keys: a stored log is loaded into runs, not into one array that is copied for each', async () => {
  const written = docOf(1)
  const updates: Uint8Array[] = []
  written.on('update', (update: Uint8Array) => updates.push(update))
  for (let i = 0; i < 1_000; i++) writeEntry(written, 'state', `key${i}`, i, HOT)
  const doc = new Y.Doc()
  const store: Store = {
    load: async () => ({ state: undefined, updates, problems: [] }),
    append: async () => undefined,
    needsCompaction: () => false,
    compact: async () => undefined,
    stats: () => ({ appended: 0, commits: 0, stateBytes: 0, logBytes: 0, logUpdates: 0 }),
    close: async () => undefined,
  }
  const room = new Room({ name: 'kv', doc, data: { store } })
  await room.load('')
  const [array] = doc.getMap<Y.Array<unknown>>('pilot-gossip:hot').values()
  let runs = 0
  for (let item = array!._start; item !== null; item = item.right) runs++
  assert.ok(runs >= 1_000 / 128, `${runs} runs`)
  await room.close()
})

test.run()
