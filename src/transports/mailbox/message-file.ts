/**
 * One message as a file. The file contains only the text. Its name carries sender and size, so that
 * a folder is measured without opening any file, and sorts by time of sending:
 * `TIME-COUNT-WRITER-BYTES-FROM.msg`.
 *
 * ```ts
 * const name = new FileNames('a').next(5) // '001790000000000-000000-1f2e3d4c-5-a.msg'
 * parseName(name) // { from: 'a', bytes: 5 }
 * await readMessage(join(dir, name), 5) // 'hello'
 * ```
 */
import { randomBytes } from 'node:crypto'
import { readPlain } from '../../fs/plain-file.ts'

/** Bytes, far above any push. A larger limit costs a reader that much memory at once. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

const FILE_NAME = /^\d{15}-\d{6}-[0-9a-f]{8}-(\d{1,9})-([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})\.msg$/

/** Generates the names of one sender's files. */
export class FileNames {
  readonly #from: string
  /** Distinguishes this writer's files from those of another sender with the same name, earlier or at the same time. */
  readonly #writer = randomBytes(4).toString('hex')
  #time = 0
  #count = 0

  constructor(from: string) {
    this.#from = from
  }

  /** A name for a message of `bytes`. Names sort in the order of the calls, even if the clock goes back. */
  next(bytes: number): string {
    const now = Date.now()
    if (now > this.#time) {
      this.#time = now
      this.#count = 0
    } else {
      this.#count++
    }
    const time = `${this.#time}`.padStart(15, '0')
    const count = `${this.#count}`.padStart(6, '0')
    return `${time}-${count}-${this.#writer}-${bytes}-${this.#from}.msg`
  }
}

/** What the name says about the message; undefined if it is not a name that `FileNames` makes. */
export const parseName = (name: string): { from: string; bytes: number } | undefined => {
  const [, bytes, from] = FILE_NAME.exec(name) ?? []
  return from === undefined ? undefined : { from, bytes: Number(bytes) }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a message file; undefined if no sender of this package can have written it. */
export const readMessage = async (path: string, bytes: number): Promise<string | undefined> => {
  const content = await readPlain(path, Math.min(bytes, MAX_MESSAGE_BYTES))
  if (content?.length !== bytes) return undefined
  try {
    return decoder.decode(content)
  } catch {
    return undefined // not UTF-8
  }
}
