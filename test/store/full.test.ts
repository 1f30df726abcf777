/** Both stores at a real limit of the system: a clear error, no loss, and writes work again later. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { written } from '../fixtures/store/updates.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store full')

const FILLER = fileURLToPath(new URL('../fixtures/store/full.ts', import.meta.url))

const KINDS: Readonly<Record<string, (dir: string) => Store>> = {
  log: (dir) => new LogStore({ dir }),
  level: (dir) => new LevelStore({ dir }),
}

const run = promisify(execFile)

for (const [kind, open] of Object.entries(KINDS)) {
  const name = `the ${kind}: rejects at the maximum of a file's size, and goes on later`
  if (process.platform !== 'linux') {
    test.skip(name, 'prlimit is a program of Linux')
    continue
  }
  test(name, () =>
    inFolder(async (dir) => {
      const { stdout } = await run(process.execPath, ['--import', 'tsx', FILLER, dir, kind])
      const [refusal = '', count] = stdout.split('\n')
      assert.match(refusal, /^disk_full .*ulimit/)
      assert.is(count, '3000')
      const store = open(dir)
      const loaded = await store.load()
      await store.close()
      assert.equal(loaded.problems, [])
      // All are there. Those that were rejected and written nevertheless are there twice.
      const numbers = new Set(loaded.updates.map((update) => Buffer.from(update).toString('hex')))
      assert.is(numbers.size, written(3000).updates.length)
    }),
  )
}

test.run()
