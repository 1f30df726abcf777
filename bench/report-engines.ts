/** The chapters of B3.1 to B3.3, of memory, and of what was left out, each with its reason. */
import type { B3Row } from './b3.ts'
import type { Chapter } from './chapter.ts'
import type { Heap } from './heap.ts'
import type { LeftOut } from './runner.ts'
import { showCount, showNumber, showRatio, showSpread } from './table.ts'

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
        ],
        rows: rows.map((row, index) => [
          row.id === rows[index - 1]?.id ? '' : `${row.id} ${row.about}`,
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
        ]),
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
      head: ['keys', 'engine', 'KB', 'bytes a key'],
      rows: rows.map(({ keys, engine, bytes }, index) => [
        keys === rows[index - 1]?.keys ? '' : showCount(keys),
        engine,
        showNumber(bytes / 1_000),
        showNumber(bytes / keys),
      ]),
      left: 2,
    },
  ],
})

export const leftOutChapter = (rows: readonly LeftOut[]): Chapter => ({
  id: 'left-out',
  title: 'left out',
  note: 'who was not measured, and why',
  tables: [
    {
      caption: '',
      head: ['keys', 'engine', 'workload', 'reason'],
      rows: rows.map(({ keys, engine, workload = 'all', reason }) => [
        keys === undefined ? '-' : showCount(keys),
        engine,
        workload,
        reason,
      ]),
      left: 4,
    },
  ],
})
