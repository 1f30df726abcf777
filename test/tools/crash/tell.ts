/**
 * Writes a line to a pipe before it returns, so that a kill afterwards cannot lose it.
 * `fs.writeSync` alone gives up when the reader is slow.
 *
 * ```ts
 * tell(1, 'ack 17')
 * ```
 */
import { writeSync } from 'node:fs'

/** Milliseconds between two attempts to write to a full pipe. */
const PAUSE = 1

const clock = new Int32Array(new SharedArrayBuffer(4))

export const tell = (fd: number, line: string): void => {
  let bytes: Uint8Array = new TextEncoder().encode(`${line}\n`)
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(fd, bytes))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(clock, 0, 0, PAUSE)
    }
  }
}
