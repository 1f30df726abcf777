/**
 * The log of a detached agent: a file in its data folder to which it prints, with a time before
 * each line. It keeps the newest megabyte or two.
 *
 * ```ts
 * const log = await openLog('/var/lib/kv') // append to it as standard output and error
 * stampLines('could not send to b\n', new Date()) // '2026-07-01T12:00:00.000Z could not send to b\n'
 * ```
 */
import { copyFileSync, truncateSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { folderFailure } from '../control/folder.ts'

/**
 * Bytes; the file before it may be as long. Some days of a peer that is down, which is a line of
 * 150 bytes a minute at most. A log takes twice this on disk.
 */
export const MAX_LOG_BYTES = 1024 * 1024

export const logPath = (dir: string): string => join(dir, 'agent.log')

/** Only the owner: messages may quote values. */
const FILE_MODE = 0o600

/**
 * Opens the log for appending. If it is too long, it becomes `agent.log.1` and a new one begins.
 * Rejects with a Failure that names the folder.
 */
export const openLog = async (dir: string): Promise<FileHandle> => {
  try {
    const file = await open(logPath(dir), 'a', FILE_MODE)
    try {
      await boundLog(dir)
    } catch (error) {
      await file.close()
      throw error
    }
    return file
  } catch (error) {
    throw folderFailure('the data folder', dir, error)
  }
}

/**
 * Sets the log aside if it is too long. It is copied and emptied, not renamed, since the agent, and
 * perhaps one that failed to start, hold it open; synchronously, so that no line is lost between.
 */
export const boundLog = async (dir: string): Promise<void> => {
  const path = logPath(dir)
  if ((await stat(path)).size <= MAX_LOG_BYTES) return
  copyFileSync(path, `${path}.1`)
  truncateSync(path)
}

/** The text with the time before each of its lines. */
export const stampLines = (text: string, time: Date): string =>
  text.replace(/^(?=.)/gm, `${time.toISOString()} `)
