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

export const processIo = (): Io => {
  const { env, stdout, stderr } = process
  const isTerminal = stdout.isTTY === true
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTerminal,
    columns: stdout.columns ?? COLUMNS,
    hasColors: isTerminal && !env.NO_COLOR && env.TERM !== 'dumb',
    env,
    readInput: readAll,
  }
}
