/**
 * The folder of a mailbox: takes it for its owner, and turns errors of the operating system into
 * failures that name the folder and a remedy.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure, isFailure, systemCodeOf, toFailure } from '../../errors.ts'
import type { Lock } from '../../fs/lock.ts'
import { checkRoot, makeOwn, OWN_DIR_MODE } from '../../fs/own-folder.ts'
import type { Box } from './box.ts'

/** Attempts. Each failure means that another process removed the folder in between. */
const MAX_TRIES = 5

/** Rejects as `work` does, but turns a system error into a Failure that names the folder. */
export const inFolder = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (isFailure(error)) throw error
    const { code, message } = toFailure(error)
    throw new Failure(code, `the mailbox folder "${path}" cannot be used: ${message}`, {
      hint: 'check that it exists, that this user can read and write it, and that the disk has space',
      cause: error,
    })
  }
}

/** Creates and locks the box. The lock comes first, so that a box that another process is removing is not created again. */
export const takeBox = async (box: Box, lock: Lock): Promise<void> => {
  for (let left = MAX_TRIES; ; left--) {
    await mkdir(dirname(box.path), { recursive: true, mode: OWN_DIR_MODE })
    await checkRoot('the folder of mailboxes', dirname(box.path))
    await makeOwn('the mailbox folder', box.path)
    try {
      await lock.hold()
      break
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT' || left <= 1) throw error
    }
  }
  await box.make()
}
