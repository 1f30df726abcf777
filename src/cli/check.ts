/**
 * The result of one check of `doctor`.
 *
 * ```ts
 * await checkFolder('data', '/var/lib/kv') // { name: 'data', level: 'ok', detail: '/var/lib/kv' }
 * ```
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure, type FailureCode, toFailure } from '../errors.ts'

/** Peers that a line names: more do not fit on a screen. */
export const MAX_SHOWN = 20

export interface Check {
  readonly name: string
  /** `problem`: `run` cannot work. */
  readonly level: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do. */
  readonly hint?: string | undefined
  /** The code of the error, if there was one; else `internal`. */
  readonly code?: FailureCode
}

/** The error that was met, as a problem. */
export const problemOf = (name: string, error: unknown): Check => {
  const { code, message, hint } = toFailure(error)
  return { name, level: 'problem', detail: message, hint, code }
}

/** Rejects unless a file can be written in the folder or, if that is missing, in its nearest parent. */
const tryFolder = async (dir: string): Promise<'there' | 'missing'> => {
  try {
    const file = join(dir, `.doctor-${randomUUID()}`)
    await writeFile(file, '', { flag: 'wx' })
    await rm(file)
    return 'there'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const parent = dirname(dir)
  // An existing folder that accepts no files, as below /proc, fails with ENOENT too.
  if (existsSync(dir) || parent === dir) throw new Failure('permission_denied', 'it takes no files')
  await tryFolder(parent)
  return 'missing'
}

export const checkFolder = async (name: string, dir: string): Promise<Check> => {
  try {
    const isThere = (await tryFolder(dir)) === 'there'
    return { name, level: 'ok', detail: isThere ? dir : `${dir} (will be made)` }
  } catch (error) {
    const detail = `${dir} cannot be written: ${toFailure(error).message}`
    return { name, level: 'problem', detail, hint: 'give a folder that this user may write to' }
  }
}
