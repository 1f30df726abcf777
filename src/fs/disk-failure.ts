/**
 * What the operating system refuses, told as a Failure that says what was tried, and where.
 *
 * ```ts
 * throw toDiskFailure(error, `append to "${path}"`)
 * ```
 */
import { Failure, systemCodeOf, toFailure } from '../errors.ts'

const RIGHTS = 'Give this user the right to read and write there.'

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on that disk; writing works again by itself.',
  EDQUOT: 'Free some space or raise the quota; writing works again by itself.',
  EFBIG:
    'Raise the size that a file of this user may have (`ulimit -f`); writing works again by itself.',
  EROFS: 'Make that file system writable; writing works again by itself.',
  EACCES: RIGHTS,
  EPERM: RIGHTS,
  EIO: 'Look at the health of that disk, and copy what can be read of it.',
  EISDIR: 'A folder stands where a file belongs: move it away.',
  EMFILE: 'Raise the number of files that this process may open.',
  ENOENT: 'It was removed while in use: stop the agent and start it again.',
}

/** `doing` completes the sentence "cannot …". A Failure stays the one it is. */
export const toDiskFailure = (error: unknown, doing: string): Failure => {
  if (error instanceof Failure) return error
  const { code, message } = toFailure(error)
  const system = systemCodeOf(error)
  return new Failure(code, `cannot ${doing}: ${message}`, {
    hint: typeof system === 'string' ? HINTS[system] : undefined,
    cause: error,
  })
}
