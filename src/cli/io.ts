/**
 * The process's streams and environment, as commands see them: what a test may replace.
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
  /** Is a person looking at standard output? */
  readonly isTerminal: boolean
  /** Width of the terminal in characters. */
  readonly columns: number
  readonly hasColors: boolean
  readonly env: NodeJS.ProcessEnv
  /** All of standard input. Rejects with a Failure (invalid_argument) when it is longer, or no UTF-8. */
  readInput(maxBytes: number): Promise<string>
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
    throw new Failure('invalid_argument', 'standard input is no UTF-8 text', {
      hint: 'encode bytes first, for example with: base64',
      cause: error,
    })
  }
}

/** Whoever reads standard output is gone, or it cannot take more. */
const onClosed = (error: NodeJS.ErrnoException, isService: () => boolean): void => {
  // A running agent does its work with nobody reading what it prints; other commands are over.
  if (isService()) return
  // A reader that has had enough, as `head` has, is no failure.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`pilot-gossip: standard output cannot be written: ${error.message}\n`)
  process.exit(1)
}

/**
 * The streams of this process. They are opened when they are first used, since each costs a
 * short command a millisecond. `isService`: does the command go on when nobody reads it?
 */
export const processIo = (isService: () => boolean): Io => {
  const { env } = process
  const writers = {
    out: (text: string): void => {
      process.stdout.on('error', (error) => onClosed(error, isService))
      writers.out = (more) => void process.stdout.write(more)
      writers.out(text)
    },
    err: (text: string): void => {
      // There is no place left to tell it.
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
  }
}
