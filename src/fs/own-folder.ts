/**
 * Folders that no other user prepared. On a host with several users, one of them may create a folder
 * before this user does, and put links into it: what this user then moves or removes "there" would be
 * this user's own files elsewhere.
 *
 * ```ts
 * await checkRoot('the mailbox folder', '/tmp/kv')       // may be a link: the user named it
 * await makeOwn('the mailbox', '/tmp/kv/bob')            // 0700, never a link
 * await checkEntries('the data folder', '/var/lib/kv')   // nothing in it is another user's
 * ```
 *
 * Systems without user ids (Windows) have rights by folder; only links are refused there.
 */
import type { Stats } from 'node:fs'
import { chmod, lstat, mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, systemCodeOf } from '../errors.ts'

/** Only the owner. */
export const OWN_DIR_MODE = 0o700
export const OWN_FILE_MODE = 0o600

/** Bits of a mode: others may write; and entries can be renamed or removed by their owners alone. */
const OTHERS_WRITE = 0o002
const STICKY = 0o1000

/** The administrator can do everything anyway. */
const ROOT = 0

const ownUid = (): number | undefined => process.getuid?.()

const refused = (what: string, path: string, why: string, hint: string): Failure =>
  new Failure('permission_denied', `${what} "${path}" ${why}`, { hint })

const validateOwner = (what: string, path: string, { uid }: Stats, allowed: readonly number[]) => {
  if (allowed.length === 0 || allowed.includes(uid)) return
  const why = `belongs to another user (id ${uid})`
  throw refused(what, path, why, 'choose another folder, or run as the user who owns this one')
}

/**
 * Rejects unless the folder that the user named belongs to this user or the administrator, and no
 * other user can replace what is in it. Rejects with the system's error if it does not exist.
 */
export const checkRoot = async (what: string, dir: string, uid = ownUid()): Promise<void> => {
  if (uid === undefined) return
  const found = await stat(dir)
  validateOwner(what, dir, found, [uid, ROOT])
  if ((found.mode & OTHERS_WRITE) !== 0 && (found.mode & STICKY) === 0) {
    const why = 'lets every user replace what is in it'
    throw refused(what, dir, why, `run: chmod o-w "${dir}"`)
  }
}

/**
 * Rejects with `permission_denied` unless the path is a folder of this user, and not a link. Rejects
 * with the system's error if there is nothing.
 */
export const checkOwn = async (what: string, path: string, uid = ownUid()): Promise<Stats> => {
  const found = await lstat(path)
  const hint = 'find out who made it, remove it, and start again'
  if (found.isSymbolicLink()) throw refused(what, path, 'is a symbolic link', hint)
  if (!found.isDirectory()) throw refused(what, path, 'is not a folder', hint)
  validateOwner(what, path, found, uid === undefined ? [] : [uid])
  return found
}

/** Makes the folder, or takes away other users' rights to one of this user. Else rejects as `checkOwn`. */
export const makeOwn = async (what: string, path: string, uid = ownUid()): Promise<void> => {
  try {
    await mkdir(path, { mode: OWN_DIR_MODE })
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error
  }
  const { mode } = await checkOwn(what, path, uid)
  if (uid !== undefined && (mode & 0o077) !== 0) await chmod(path, OWN_DIR_MODE)
}

/**
 * Rejects with `permission_denied` if the folder, or anything directly in it, belongs to another user
 * than this one or the administrator. A link counts for the user who made it.
 */
export const checkEntries = async (what: string, dir: string, uid = ownUid()): Promise<void> => {
  if (uid === undefined) return
  const allowed = [uid, ROOT]
  validateOwner(what, dir, await stat(dir), allowed)
  for (const name of await readdir(dir)) {
    const path = join(dir, name)
    try {
      validateOwner(`${what} has an entry that is not its own:`, path, await lstat(path), allowed)
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error // it was removed meanwhile
    }
  }
}
