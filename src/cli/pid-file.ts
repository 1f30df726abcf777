/**
 * `agent.pid` in the data folder: the process id of the agent, for people and supervisors. It is
 * there from when the agent has started until it stops in good order. After a `kill -9` it is
 * stale, so nothing here believes it: commands ask at the socket, and the locks know who lives.
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

/** In one step: a reader finds a whole number or no file. Rejects with a Failure. */
export const writePid = async (dir: string): Promise<void> => {
  const path = pidPath(dir)
  const made = `${path}.tmp`
  try {
    await writeFile(made, own(), { mode: 0o644 })
    await rename(made, path)
  } catch (error) {
    await rm(made, { force: true }).catch(() => undefined) // the first error is the one to tell
    throw toDiskFailure(error, `write "${path}"`)
  }
}

/** Removes the file where it is of this process. Rejects with a Failure. */
export const removePid = async (dir: string): Promise<void> => {
  const path = pidPath(dir)
  try {
    if ((await readFile(path, 'utf8')) === own()) await rm(path, { force: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A data folder that could not be made holds none.
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw toDiskFailure(error, `remove "${path}"`)
  }
}
