/**
 * A temporary folder for a test or a bench, removed however it ends. Its path is short: a socket's path
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
export const temporaryFolder = (parent: string = tmpdir()): TemporaryFolder => {
  const dir = mkdtempSync(join(parent, 'pg-'))
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Runs with a new folder in `parent`; settles as `run` does. */
export const inFolder = async <T>(
  run: (dir: string) => T | Promise<T>,
  parent?: string,
): Promise<T> => {
  const { dir, remove } = temporaryFolder(parent)
  try {
    return await run(dir)
  } finally {
    remove()
  }
}
