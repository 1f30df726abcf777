/**
 * From arguments to an exit code: 0, 1 when the answer is wrong or a swarm cannot be had, 2 when an
 * option is not usable, 130 when it was interrupted. What was measured is shown all the same.
 *
 * ```ts
 * process.exitCode = await main(['--agents', '3', '--json'], streams, signal)
 * ```
 */
import { type Streams, tellFailure } from '../runner/command-line.ts'
import { benchSwarm } from './bench.ts'
import { HELP, parseOptions } from './options.ts'
import { nameOf, showBench } from './report.ts'
import type { SwarmBench, SwarmBenches } from './result.ts'
import type { Settings } from './settings.ts'
import { checkLoads, checkRuns } from './verdict.ts'

/** As a shell has it for what SIGINT ended. */
const INTERRUPTED = 130

const toJson = (data: SwarmBench | SwarmBenches): string =>
  `${JSON.stringify({ status: 'ok', data })}\n`

/** Each in turn. A load that fails ends it, and the figures of those before are shown all the same. */
const runLoads = async (
  all: readonly Settings[],
  isJson: boolean,
  { out, progress }: Streams,
  signal: AbortSignal,
): Promise<void> => {
  const loads: SwarmBench[] = []
  try {
    for (const settings of all) {
      const show = (row: string): void => progress?.(`${nameOf(settings)}: ${row}`)
      loads.push(await benchSwarm(settings, signal, show))
    }
  } finally {
    if (loads.length > 0) out(isJson ? toJson({ loads }) : loads.map(showBench).join('\n'))
  }
  checkLoads(loads)
}

const run = async (args: readonly string[], streams: Streams, signal: AbortSignal) => {
  const { settings, loads, isJson, isHelp } = parseOptions(args)
  if (isHelp) {
    streams.out(HELP)
    return
  }
  if (loads) {
    await runLoads(loads, isJson, streams, signal)
    return
  }
  const bench = await benchSwarm(settings, signal, streams.progress)
  streams.out(isJson ? toJson(bench) : showBench(bench))
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
