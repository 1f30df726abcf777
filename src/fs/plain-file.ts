/**
 * Reads a file that others may have put there: never through a link, never from a pipe or a device,
 * and never more than a bound, even if the file grows while it is read.
 *
 * ```ts
 * const bytes = await readPlain(join(inbox, name), 4_096)   // undefined: not such a file
 * ```
 */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { systemCodeOf } from '../errors.ts'

/** Without NONBLOCK, opening a pipe waits for its writer, and a thread of this process with it. */
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)

/** How systems answer to the opening of a link, or of a socket. */
const NOT_PLAIN: ReadonlySet<unknown> = new Set(['ELOOP', 'EMLINK', 'ENXIO', 'EISDIR'])

/**
 * The bytes of a plain file; undefined if it is something else, or has more than `maxBytes`. Rejects
 * with the system's error if it cannot be read.
 */
export const readPlain = async (path: string, maxBytes: number): Promise<Buffer | undefined> => {
  const handle = await open(path, FLAGS).catch((error: unknown) => {
    if (NOT_PLAIN.has(systemCodeOf(error))) return undefined
    throw error
  })
  if (!handle) return undefined
  try {
    const found = await handle.stat()
    const { size } = found
    if (!found.isFile() || size > maxBytes) return undefined
    // One more byte than there should be: it shows whether the file has grown.
    const buffer = Buffer.allocUnsafe(size + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return length > size ? undefined : buffer.subarray(0, length)
  } finally {
    await handle.close()
  }
}
