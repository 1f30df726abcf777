/** A temporary folder for one part of the bench, on the disk that is measured. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Retries when removing it: Windows may hold a file for a moment. */
const MAX_RETRIES = 5

/** Runs `run` with a new folder in `dir`, which must exist, and removes the folder afterwards. */
export const withFolder = async <T>(
  dir: string,
  run: (folder: string) => Promise<T>,
): Promise<T> => {
  const folder = await mkdtemp(join(dir, 'pilot-gossip-bench-'))
  try {
    return await run(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: MAX_RETRIES })
  }
}
