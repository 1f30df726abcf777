/**
 * Turns an error of the operating system into a Failure that says what failed, and where.
 *
 * ```ts
 * throw toDiskFailure(error, `append to "${path}"`)
 * ```
 */
import { Failure, systemCodeOf, toFailure } from '../errors.ts'

const RIGHTS = 'give this user the right to read and write there'

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space on that disk; writing then works again by itself',
  EDQUOT: 'free some space or raise the quota; writing then works again by itself',
  EFBIG: 'raise the file size limit of this user (`ulimit -f`); writing then works again by itself',
  EROFS: 'make that file system writable; writing then works again by itself',
  EACCES: RIGHTS,
  EPERM: RIGHTS,
  EIO: 'check the health of that disk, and copy what can be read',
  EISDIR: 'move the folder away that stands where a file belongs',
  EMFILE: 'raise the number of files that this process may open',
  ENOENT: 'stop the agent and start it again: the file was removed while in use',
}

/** `doing` completes the sentence "cannot …". Returns a Failure unchanged. */
export const toDiskFailure = (error: unknown, doing: string): Failure => {
  if (error instanceof Failure) return error
  const { code, message } = toFailure(error)
  const system = systemCodeOf(error)
  return new Failure(code, `cannot ${doing}: ${message}`, {
    hint: typeof system === 'string' ? HINTS[system] : undefined,
    cause: error,
  })
}
