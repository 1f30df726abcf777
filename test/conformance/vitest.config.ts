/**
 * For acceptance tests that others wrote in vitest: `automerge.test.ts` starts them, so that
 * `npm test` runs them too.
 */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  cacheDir: fileURLToPath(new URL('../../.cache/vitest', import.meta.url)),
  test: {
    include: ['*.vitest.ts'],
    // One process at a time: the tests wait some tens of milliseconds and take it for enough.
    fileParallelism: false,
    retry: 0,
  },
})
