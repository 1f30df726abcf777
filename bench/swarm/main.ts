/**
 * From arguments to an exit code: 0, 1 for a wrong answer or a swarm that does not start, 2 for an
 * invalid option, 130 for an interrupt. What was measured before is printed in any case.
 *
 * ```ts
 * process.exitCode = await main(['--agents', '3', '--json'], streams, signal)
 * ```
 */
import { Failure } from '../../src/errors.ts'
import type { Streams } from '../runner/command-line.ts'
import { exitCodeOf } from '../runner/exit-code.ts'
import { toLine } from '../runner/result.ts'
import { benchSwarm } from './bench.ts'
import { HELP, parse } from './options.ts'
import { nameOf, showBench } from './report.ts'
import type { Run, SwarmBench } from './result.ts'

const faultsOf = ({ writes, equal }: Run): string[] => [
  ...(equal.isEqual ? [] : ['the replicas are not equal']),
  ...(writes.lost > 0 ? [`${writes.lost} acknowledged writes are lost`] : []),
  ...(writes.failed > 0 ? [`${writes.failed} writes were refused or not answered`] : []),
]

/** Throws a Failure (internal) that names each load, run and fault. */
export const checkLoads = (loads: readonly SwarmBench[]): void => {
  const faults = loads.flatMap(({ settings, runs }) =>
    runs.flatMap((run, at) =>
      faultsOf(run).map((fault) => `${nameOf(settings)}, run ${at + 1}: ${fault}`),
    ),
  )
  if (faults.length === 0) return
  throw new Failure('internal', faults.join('; '), {
    hint: 'give the replicas more time with --settle, or fewer writes with --rate',
  })
}

/** Measures each load in turn. A failing load ends it; the loads before are printed. */
const run = async (args: readonly string[], streams: Streams, signal: AbortSignal) => {
  const { settings, loads: given, isJson, isHelp } = parse(args)
  if (isHelp) {
    streams.out(HELP)
    return
  }
  const loads: SwarmBench[] = []
  try {
    for (const load of given ?? [settings]) {
      const prefix = given ? `${nameOf(load)}: ` : ''
      loads.push(await benchSwarm(load, signal, (row) => streams.progress?.(`${prefix}${row}`)))
    }
  } finally {
    const [first] = loads
    if (first) {
      const data = given ? { loads } : first
      streams.out(isJson ? toLine(data) : loads.map(showBench).join('\n'))
    }
  }
  checkLoads(loads)
}

export const main = (
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<number> =>
  exitCodeOf(() => run(args, streams, signal), { program: 'bench:swarm', args, streams, signal })
