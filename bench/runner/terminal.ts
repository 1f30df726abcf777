/** The streams of this process. Progress is one line, which goes when there is something to say. */
import type { Streams } from './command-line.ts'

const { stdout, stderr } = process

/** Back to the start of the line, and clear it. */
const CLEAR = '\r\x1b[K'

export const TERMINAL: Streams = {
  out: (text) => {
    if (stderr.isTTY) stderr.write(CLEAR)
    stdout.write(text)
  },
  err: (text) => void stderr.write(text),
  ...(stderr.isTTY && { progress: (row: string) => void stderr.write(`${CLEAR}${row}\r`) }),
}
