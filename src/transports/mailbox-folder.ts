/** What the operating system says of a mailbox's folder, told so that people can mend it. */
import { Failure, isFailure, toFailure } from '../errors.ts'

/** Rejects as `work` does, but what the operating system says becomes a Failure that names the folder. */
export const inFolder = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (isFailure(error)) throw error
    const { code, message } = toFailure(error)
    throw new Failure(code, `the mailbox folder "${path}" cannot be used: ${message}`, {
      hint: 'See that it exists, is readable and writable for this user, and that the disk has room.',
      cause: error,
    })
  }
}
