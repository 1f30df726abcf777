/**
 * What the operating system refuses, told as a Failure that says what was tried, and where.
 *
 * ```ts
 * throw toDiskFailure(error, `append to "${path}"`)
 * ```
 */
import { Failure, toFailure } from '../errors.ts'

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'Free some space on that disk; writing works again by itself.',
  EDQUOT: 'Free some space or raise the quota; writing works again by itself.',
  EROFS: 'Make that file system writable; writing works again by itself.',
  EACCES: 'Give this user the right to read and write there.',
  EPERM: 'Give this user the right to read and write there.',
  EMFILE: 'Raise the number of files that this process may open.',
  ENOENT: 'It was removed while in use: stop the agent and start it again.',
}

/** A disk without space forbids writing like one that is read-only: both are `permission_denied`. */
const FULL: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT'])

/** `doing` completes the sentence "cannot …". A Failure stays the one it is. */
export const toDiskFailure = (error: unknown, doing: string): Failure => {
  if (error instanceof Failure) return error
  const { code, message } = toFailure(error)
  const system = (error as { code?: unknown } | null)?.code
  return new Failure(FULL.has(system) ? 'permission_denied' : code, `cannot ${doing}: ${message}`, {
    hint: typeof system === 'string' ? HINTS[system] : undefined,
    cause: error,
  })
}
