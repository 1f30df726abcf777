/**
 * From arguments to an exit code: 0, 1 when the answer is wrong or a swarm cannot be had, 2 when an
 * option is not usable, 130 when it was interrupted. What was measured is shown all the same.
 *
 * ```ts
 * process.exitCode = await main(['--agents', '3', '--json'], streams, signal)
 * ```
 */
import { type Streams, tellFailure } from '../command-line.ts'
import { benchSwarm } from './bench.ts'
import { HELP, parseOptions } from './options.ts'
import { showBench } from './report.ts'
import { checkRuns } from './verdict.ts'

/** As a shell has it for what SIGINT ended. */
const INTERRUPTED = 130

const run = async (args: readonly string[], streams: Streams, signal: AbortSignal) => {
  const { settings, isJson, isHelp } = parseOptions(args)
  if (isHelp) {
    streams.out(HELP)
    return
  }
  const bench = await benchSwarm(settings, signal, streams.progress)
  streams.out(isJson ? `${JSON.stringify({ status: 'ok', data: bench })}\n` : showBench(bench))
  checkRuns(bench.runs)
}

export const main = async (
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<number> => {
  try {
    await run(args, streams, signal)
    return 0
  } catch (error) {
    return signal.aborted ? INTERRUPTED : tellFailure(error, 'bench:swarm', args, streams)
  }
}
