/**
 * A temporary folder for a test, removed however the test ends. Its path is short: a socket's path
 * has at most 107 bytes.
 *
 * ```ts
 * test('keeps it', () => inFolder(async (dir) => { await new LogStore({ dir }).load() }))
 * ```
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface TemporaryFolder {
  readonly dir: string
  /** Does nothing if it is gone. */
  readonly remove: () => void
}

/** For a folder that several tests share; otherwise use `inFolder`. */
export const temporaryFolder = (): TemporaryFolder => {
  const dir = mkdtempSync(join(tmpdir(), 'pg-test-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Runs with a new folder; settles as `run` does. */
export const inFolder = async (run: (dir: string) => void | Promise<void>): Promise<void> => {
  const { dir, remove } = temporaryFolder()
  try {
    await run(dir)
  } finally {
    remove()
  }
}
