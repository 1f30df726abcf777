/** automerge-repo's acceptance tests of a storage, over both stores (see `automerge.test.ts`). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runStorageAdapterTests } from '@automerge/automerge-repo/helpers/tests/storage-adapter-tests.js'
import { describe } from 'vitest'
import { LevelStore } from '../../src/store/level/level-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import type { Store } from '../../src/store/store.ts'
import { StoreAdapter } from './store-adapter.ts'

const stores: Record<string, (dir: string) => Store> = {
  LogStore: (dir) => new LogStore({ dir }),
  LevelStore: (dir) => new LevelStore({ dir }),
}

for (const [name, open] of Object.entries(stores)) {
  // Its hooks would else run before the tests of the other one too.
  describe(name, () => {
    runStorageAdapterTests(async () => {
      const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-conformance-'))
      const teardown = () => rmSync(dir, { recursive: true })
      return { adapter: new StoreAdapter(() => open(join(dir, 'store'))), teardown }
    }, name)
  })
}
