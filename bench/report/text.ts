/**
 * A result of the bench as text: the machine, then a table for each section that was run, with the
 * fields of its rows as columns.
 *
 * ```ts
 * process.stdout.write(showResult(result))
 * ```
 */
import { HOT_WRITER_KEYS } from '../engines/layouts.ts'
import { showMachine } from '../runner/machine.ts'
import { records, showNumber, table } from '../runner/table.ts'
import { type BenchResult, participantsOf } from '../workloads/bench.ts'

const chapter = (
  title: string,
  note: string,
  rows: readonly object[] = [],
  fields?: readonly string[],
): string => (rows.length === 0 ? '' : `\n${title}: ${note}\n${records(rows, fields)}`)

export const showResult = (result: BenchResult): string => {
  const { date, machine, seed, clock, reference, swarm, sequences, b3, commits, leftOut } = result
  const { fileSystem = '', fsyncMs, samples } = commits?.disk ?? {}
  return [
    `merge cost, ${date}\n${showMachine(machine)}\nseed ${seed}; times are median (min to max), in us or ms; ratio: to ${reference}\n`,
    `\n${table(participantsOf(result), 2)}`,
    chapter(
      'merges',
      `${clock} of one merge, from message to map, engines in turn; lost: keys whose write is lost`,
      result.merges,
    ),
    chapter(
      'lost writes',
      `${swarm.nodes} nodes push their state to ${swarm.fanout} others in ${swarm.rounds} rounds; keys whose last write is lost, or on which nodes differ`,
      result.lostWrites,
    ),
    chapter(
      'B1, B2',
      `crdt-benchmarks: a text or a list is edited by one client, or by two at once; ${clock}`,
      sequences,
    ),
    chapter('B3', `crdt-benchmarks: clients set one key, one client merges all; ${clock}`, b3),
    chapter('heap', 'memory of a replica that was read once, WebAssembly included', result.heap),
    chapter(
      'overwrites',
      `random keys; ${clock} of one write since the row before, and of sending it to all other writers`,
      result.overwrites,
    ),
    chapter(
      'start-up',
      `to the first entry read, in a new process, without the start of node; a writer of hot keys has at most ${HOT_WRITER_KEYS}`,
      result.startUp,
    ),
    chapter(
      'commits',
      `acknowledged when on disk; ${fileSystem}, one flush takes ${showNumber(fsyncMs?.median ?? 0)} ms (${samples} samples)`,
      commits?.rows,
    ),
    chapter(
      'left out',
      'engines that were not measured, and why',
      leftOut?.map((one) => ({ workload: 'all', ...one })),
      ['engine', 'workload', 'reason', 'keys'],
    ),
  ].join('')
}
