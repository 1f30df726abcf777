/** The maximum size of a folder and a process over many writes: the formulas of `src/store/compaction.ts`. */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { nodeDisk } from '../../src/fs/disk.ts'
import { COMPACT_BYTES } from '../../src/store/compaction.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { Persistence } from '../../src/store/persistence.ts'
import { restore } from '../../src/store/store.ts'
import { MeasuredDisk } from '../fixtures/store/measured-disk.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store bounds')

const APPENDS = 100_000

/** Writes that wait at the same time. */
const GROUP = 200

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const heapBytes = (): number => {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0)

/** Overwrites keys of a map: Yjs keeps a struct for each in memory. */
const overwrite = (doc: Y.Doc, index: number): void => {
  doc.getMap('map').set(`k${index % 100}`, index)
}

/** Appends to an array and deletes the previous entry: Yjs merges all deleted ones into one struct. */
const replaceLast = (doc: Y.Doc, index: number): void => {
  const array = doc.getArray<string>('array')
  doc.transact(() => {
    array.push([`value ${index}`])
    if (array.length > 1) array.delete(0)
  })
}

for (const [name, write] of Object.entries({ overwrite, replaceLast })) {
  test(
    `100,000 appends (${name}): keep folder and memory within the formulas, and one entry in the state vector`,
    async () => {
      const { dir, remove } = temporaryFolder()
      const highest = { state: 0, late: 0, folder: 0 }
      /** All bytes that were written to logs, and those of them before a compaction was due. */
      let logged = 0
      let calm = 0
      const sizes = new Map<string, number>()
      const look = (): void => {
        const states = [...disk.sizes].filter(([path]) => path.includes('state-'))
        const logs = [...disk.sizes].filter(([path]) => path.includes('log-'))
        for (const [path, size] of logs) {
          logged += Math.max(0, size - (sizes.get(path) ?? 0))
          sizes.set(path, size)
        }
        if (logs.length === 1 && !store.needsCompaction()) {
          const onItsWay = (logs[0]?.[1] ?? 0) - store.stats().logBytes
          calm = logged - onItsWay
        }
        highest.state = Math.max(highest.state, ...states.map(([, size]) => size))
        highest.late = Math.max(highest.late, logged - calm)
        highest.folder = Math.max(highest.folder, disk.bytes)
      }
      const disk = new MeasuredDisk(nodeDisk, () => look())
      const store = new LogStore({ dir, disk })
      try {
        const doc = new Y.Doc()
        const problems: unknown[] = []
        const persistence = new Persistence(doc, store, (failure) => problems.push(failure))
        await persistence.open()
        const before = heapBytes()
        let written = 0
        doc.on('update', ({ length }: Uint8Array) => {
          written += length
        })
        for (let index = 0; index < APPENDS; index++) {
          write(doc, index)
          if (index % GROUP === GROUP - 1) await persistence.flushed()
        }
        await persistence.flushed()
        const grown = heapBytes() - before
        await persistence.close()
        assert.equal(problems, [])
        assert.is(store.stats().appended, APPENDS)

        const real = readdirSync(dir).map((file) => statSync(join(dir, file)).size)
        assert.is(disk.bytes, sum(real), 'what was measured is what is there')
        const bound = 2 * highest.state + Math.max(COMPACT_BYTES, highest.state) + highest.late
        assert.ok(highest.folder <= bound, `${highest.folder} bytes, ${bound} by the formula`)
        assert.ok(bound < written / 2, `a bound of ${bound} says little of ${written} bytes`)

        const copy = new Y.Doc()
        const again = new LogStore({ dir })
        assert.equal(restore(copy, await again.load()), { problems: [], held: [] })
        await again.close()
        assert.equal(copy.getMap('map').toJSON(), doc.getMap('map').toJSON())
        assert.equal(copy.getArray('array').toJSON(), doc.getArray('array').toJSON())
        assert.is(Y.decodeStateVector(Y.encodeStateVector(copy)).size, 1)
        // If the document does not grow, nothing else grows.
        if (write === replaceLast) assert.ok(grown < 4e6, `${grown} bytes of heap`)
      } finally {
        remove()
      }
    },
    { timeout: 300_000 },
  )
}

test.run()
