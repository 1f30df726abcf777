/**
 * A folder for one part of the bench, on the disk that is asked about; gone when that ends.
 *
 * ```ts
 * await withFolder(tmpdir(), async (folder) => { await new LogStore({ dir: folder }).load() })
 * ```
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Times that removing it is tried again: on Windows a file may still be held for a moment. */
const TRIES = 5

/** `dir` must exist. */
export const withFolder = async <T>(
  dir: string,
  run: (folder: string) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(dir, 'pilot-gossip-bench-'))
  try {
    return await run(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: TRIES })
  }
}
