/**
 * A folder of its own for a test, removed at the end however it ends. Its path is short: the
 * name of a socket may have 107 bytes.
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
  /** What is gone already is no error. */
  readonly remove: () => void
}

/** For what several tests share; else see `inFolder`. */
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
