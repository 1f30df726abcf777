/**
 * The streams and the environment of the process, as commands see them. Tests replace them.
 *
 * ```ts
 * io.out('swarm  kv\n')
 * const value = await io.readInput(65_536)
 * ```
 */
import { Failure } from '../errors.ts'

export interface Io {
  out(text: string): void
  err(text: string): void
  /** Is standard output a terminal? */
  readonly isTerminal: boolean
  /** Width of the terminal in characters. */
  readonly columns: number
  readonly hasColors: boolean
  readonly env: NodeJS.ProcessEnv
  /** All of standard input. Rejects with a Failure (invalid_argument) if it is longer, or not UTF-8. */
  readInput(maxBytes: number): Promise<string>
  /** From now on the command continues after the reader of its output is gone. */
  outliveReader(): void
}

const COLUMNS = 80

const readAll = async (maxBytes: number): Promise<string> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) {
      throw new Failure('invalid_argument', `standard input is longer than ${maxBytes} bytes`, {
        hint: 'split the value over several keys',
      })
    }
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  } catch (error) {
    throw new Failure('invalid_argument', 'standard input is not UTF-8 text', {
      hint: 'encode bytes first, for example with: base64',
      cause: error,
    })
  }
}

/** The reader of standard output is gone, or it cannot take more. */
const onClosed = (error: NodeJS.ErrnoException, needsReader: boolean): void => {
  if (!needsReader) return
  // A reader that has read enough, as `head` does, is not a failure.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`pilot-gossip: standard output cannot be written: ${error.message}\n`)
  process.exit(1)
}

/** The streams of this process, opened at their first use: each costs a short command a millisecond. */
export const processIo = (): Io => {
  const { env } = process
  let needsReader = true
  const writers = {
    out: (text: string): void => {
      process.stdout.on('error', (error) => onClosed(error, needsReader))
      writers.out = (more) => void process.stdout.write(more)
      writers.out(text)
    },
    err: (text: string): void => {
      // No stream is left to report it on.
      process.stderr.on('error', () => undefined)
      writers.err = (more) => void process.stderr.write(more)
      writers.err(text)
    },
  }
  return {
    out: (text) => writers.out(text),
    err: (text) => writers.err(text),
    get isTerminal() {
      return process.stdout.isTTY === true
    },
    get columns() {
      return process.stdout.columns ?? COLUMNS
    },
    get hasColors() {
      return this.isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
    },
    env,
    readInput: readAll,
    outliveReader: () => {
      needsReader = false
    },
  }
}
