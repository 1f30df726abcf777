/** The chapters of B3.1 to B3.3, of memory, and of what was left out, each with its reason. */
import { showCount, showNumber, showRatio, showSpread } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { B3Row } from '../workloads/b3.ts'
import type { Heap } from '../workloads/heap.ts'
import type { LeftOut } from '../workloads/merges.ts'
import { type Chapter, grouped } from './chapter.ts'

/** Microseconds. */
const MS = 1_000

export const b3Chapter = (rows: readonly B3Row[], reference: string, clock: string): Chapter => {
  const { n = 0, clients = 0 } = rows[0] ?? {}
  return {
    id: 'b3',
    title: 'B3',
    note: `workloads of crdt-benchmarks, N = ${showCount(n)}: ${showCount(clients)} clients set one key, one of them merges all; ${clock}`,
    tables: [
      {
        caption: '',
        head: [
          'workload',
          'engine',
          'updates (bytes)',
          'document (bytes)',
          'time (ms)',
          'min (ms)',
          'max (ms)',
          `x ${reference}`,
          'encode (ms)',
          'parse (ms)',
          'samples',
        ],
        rows: grouped(
          rows.map((row) => [
            `${row.id} ${row.about}`,
            row.engine,
            showNumber(row.updateBytes),
            showNumber(row.docBytes),
            ...showSpread({
              median: row.us.median / MS,
              min: row.us.min / MS,
              max: row.us.max / MS,
            }),
            row.ratio === null ? '-' : showRatio(row.ratio),
            showNumber(row.encodeUs / MS),
            showNumber(row.parseUs / MS),
            showCount(row.samples),
          ]),
        ),
        left: 2,
      },
    ],
  }
}

export const heapChapter = (rows: readonly Heap[]): Chapter => ({
  id: 'heap',
  title: 'heap',
  note: 'memory of a replica that has merged the whole state and was read once, WebAssembly included',
  tables: [
    {
      caption: '',
      head: ['keys', 'engine', 'kB', 'bytes a key'],
      rows: grouped(
        rows.map(({ keys, engine, bytes }) => [
          showCount(keys),
          engine,
          showNumber(bytes / 1_000),
          showNumber(bytes / keys),
        ]),
      ),
      left: 2,
    },
  ],
})

/** The same reason at several sizes, or for several workloads, is told once. */
const leftOutRows = (rows: readonly LeftOut[]): string[][] => {
  const groups = new Map<string, LeftOut[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.engine, row.reason])
    groups.set(key, [...(groups.get(key) ?? []), row])
  }
  return [...groups.values()].map((group) => {
    const { engine, reason } = group[0]!
    const sizes = unique(group.flatMap(({ keys }) => keys ?? [])).sort((a, b) => a - b)
    const [first = 'all', ...more] = unique(group.flatMap(({ workload }) => workload ?? []))
    return [
      sizes.length === 0 ? '-' : sizes.map(showCount).join(' / '),
      engine,
      more.length === 0 ? first : `${first} and ${more.length} more`,
      reason,
    ]
  })
}

export const leftOutChapter = (rows: readonly LeftOut[]): Chapter => ({
  id: 'left-out',
  title: 'left out',
  note: 'who was not measured, and why',
  tables: [
    {
      caption: '',
      head: ['keys', 'engine', 'workload', 'reason'],
      rows: leftOutRows(rows),
      left: 4,
    },
  ],
})
