/**
 * Fills the data folder of an agent with keys, and writes the same state as one V1 update. A process
 * of its own, so that what it holds does not count.
 *
 *     node bench/costs/fill.mjs DIR KEYS plain|hot STATE-FILE
 */
import { writeFileSync } from 'node:fs'
import { dataFolder } from 'pilot-gossip'
import { writeEntries } from 'pilot-gossip/maps'
import * as Y from 'yjs'

const [dir, keys, layout, file] = process.argv.slice(2)

/** Of 53 bits, like the ids of agents. */
const FIRST_WRITER = 3_000_000_000_000_001

/** Entries of one transaction, and of one writer: a swarm has many. */
const BATCH = 10_000

const doc = new Y.Doc()
for (let from = 0; from < Number(keys); from += BATCH) {
  doc.clientID = FIRST_WRITER + from / BATCH
  const length = Math.min(BATCH, Number(keys) - from)
  const entries = Array.from({ length }, (_, index) => [
    `task:${String(from + index).padStart(7, '0')}`,
    { owner: `agent-${index % 50}`, done: index % 3 === 0, at: from + index },
  ])
  writeEntries(doc, 'state', entries, { hot: layout === 'hot' })
}
const { store } = dataFolder(dir)
await store.load()
await store.compact(doc)
await store.close()
writeFileSync(file, Y.encodeStateAsUpdate(doc))
