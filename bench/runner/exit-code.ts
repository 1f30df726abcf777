/**
 * Runs a program of the bench and turns its end into an exit code: 0, 1 for a wrong answer or what
 * does not start, 2 for an invalid option, 130 for an interrupt. Failures go to standard error.
 *
 * ```ts
 * process.exitCode = await exitCodeOf(() => run(args), { program: 'bench', args, streams })
 * ```
 */
import { reportFailure, type Streams } from './command-line.ts'

/** As shells report SIGINT. */
const INTERRUPTED = 130

export interface ProgramOptions {
  /** Its name in messages. */
  readonly program: string
  readonly args: readonly string[]
  readonly streams: Streams
  /** Aborted by an interrupt. */
  readonly signal?: AbortSignal
}

export const exitCodeOf = async (
  run: () => Promise<void>,
  { program, args, streams, signal }: ProgramOptions,
): Promise<number> => {
  try {
    await run()
    return 0
  } catch (error) {
    return signal?.aborted ? INTERRUPTED : reportFailure(error, program, args, streams)
  }
}
