/** The chapters of merges and of lost writes. Bytes come before times: they are the same on every machine. */
import { showCount, showNumber, showRatio, showSpread } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { BenchResult } from '../workloads/bench.ts'
import type { LostWrites, Swarm } from '../workloads/lost-writes.ts'
import { type Cell, MOST_TURNS, SLOW_TURNS } from '../workloads/merges.ts'
import { type Chapter, grouped } from './chapter.ts'

export const mergesChapter = (merges: readonly Cell[], result: BenchResult): Chapter => {
  const { runs, reference, clock } = result
  // Results that were saved before there was such a column have none.
  const hasLost = merges.some(({ lost }) => typeof lost === 'number')
  const head = [
    'workload',
    'engine',
    'bytes',
    'time (us)',
    'min (us)',
    'max (us)',
    `x ${reference}`,
    ...(hasLost ? ['lost'] : []),
  ]
  const tableOf = (size: number) => {
    const cells = merges.filter(({ keys }) => keys === size)
    const rows = cells.map(({ workload, engine, bytes, us, ratio, lost }) => [
      workload,
      engine,
      showNumber(bytes),
      ...showSpread(us),
      ratio === null ? '-' : showRatio(ratio),
      ...(hasLost ? [typeof lost === 'number' ? showCount(lost) : '-'] : []),
    ])
    return { caption: `${showCount(size)} keys`, head, rows: grouped(rows), left: 2 }
  }
  return {
    id: 'merges',
    title: 'merges',
    note: `${Math.min(runs, SLOW_TURNS)} to ${runs * MOST_TURNS} runs with engines in turn; ${clock} of one merge, from message to map: the median,
the least and the most; x is the median of the ratios to ${reference} within a run${hasLost ? '; lost: keys whose write is lost' : ''}`,
    tables: unique(merges.map(({ keys }) => keys)).map(tableOf),
  }
}

export const lostChapter = (
  rows: readonly LostWrites[],
  { nodes, keys, rounds, fanout }: Omit<Swarm, 'writes'>,
): Chapter => ({
  id: 'lost',
  title: 'lost writes',
  note: `${nodes} nodes, ${keys} keys, ${rounds} rounds, each node pushes its state to ${fanout} others`,
  tables: [
    {
      caption: '',
      head: ['writes a round', 'engine', 'keys written', 'last writes lost', 'keys that differ'],
      rows: grouped(
        rows.map(({ writes, engine, written, lost, differing }) => [
          `${writes}`,
          engine,
          `${written}`,
          `${lost} (${Math.round((100 * lost) / written)} %)`,
          `${differing}`,
        ]),
      ),
      left: 2,
    },
  ],
})
