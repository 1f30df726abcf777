/**
 * `agent.pid` in the data folder: the process id of the agent, for people and supervisors. It is
 * there from the end of the start until a clean stop. A `kill -9` leaves it stale, so no command
 * relies on it: commands ask at the socket, and the locks name the live process.
 *
 * ```ts
 * await writePid(dir) // "123\n"
 * await removePid(dir)
 * ```
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toDiskFailure } from '../fs/disk-failure.ts'

export const pidPath = (dir: string): string => join(dir, 'agent.pid')

const own = (): string => `${process.pid}\n`

/** Written in one step: a reader finds a complete file or none. Rejects with a Failure. */
export const writePid = async (dir: string): Promise<void> => {
  const path = pidPath(dir)
  const made = `${path}.tmp`
  try {
    await writeFile(made, own(), { mode: 0o644 })
    await rename(made, path)
  } catch (error) {
    await rm(made, { force: true }).catch(() => undefined) // the first error is the one to report
    throw toDiskFailure(error, `write "${path}"`)
  }
}

/** Removes the file if it belongs to this process. Rejects with a Failure. */
export const removePid = async (dir: string): Promise<void> => {
  const path = pidPath(dir)
  try {
    if ((await readFile(path, 'utf8')) === own()) await rm(path, { force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // If the data folder could not be made, there is no file.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw toDiskFailure(error, `remove "${path}"`)
  }
}
