/**
 * B1 to B3 in the form of crdt-benchmarks: a column for each engine, and a row for the time, the size
 * of an update, the time to encode and to parse, and the size of the document.
 */
import { unique } from '../runner/stats.ts'
import { markdown, showBytes, showCount, showUs } from '../runner/table.ts'
import type { BenchResult } from '../workloads/bench.ts'

/** The fields that B1, B2 and B3 have alike. */
interface Row {
  readonly id: string
  readonly about: string
  readonly engine: string
  readonly n: number
  readonly updateBytes: number
  readonly docBytes: number
  readonly us: { readonly median: number; readonly min: number; readonly max: number }
  readonly encodeUs: number
  readonly parseUs: number
}

const FIGURES: readonly (readonly [name: string, show: (row: Row) => string])[] = [
  ['time', ({ us }) => `${showUs(us.median)} (${showUs(us.min)}–${showUs(us.max)})`],
  ['updateSize', ({ updateBytes }) => showBytes(updateBytes)],
  ['encodeTime', ({ encodeUs }) => showUs(encodeUs)],
  ['docSize', ({ docBytes }) => showBytes(docBytes)],
  ['parseTime', ({ parseUs }) => showUs(parseUs)],
]

export const benchmarksText = ({ sequences = [], b3 = [], clock }: BenchResult): string => {
  const all: readonly Row[] = [...sequences, ...b3]
  const [first] = all
  if (first === undefined) return ''
  const engines = unique(all.map(({ engine }) => engine))
  const rows = unique(all.map(({ id }) => id)).flatMap((id) => {
    const own = all.filter((row) => row.id === id)
    return FIGURES.map(([name, show]) => [
      `[${id}] ${own[0]!.about} (${name})`,
      ...engines.map((engine) => {
        const row = own.find((one) => one.engine === engine)
        return row ? show(row) : ''
      }),
    ])
  })
  return `
<details><summary>B1 to B3 of crdt-benchmarks, N = ${showCount(first.n)}</summary>

In the form of [crdt-benchmarks](https://github.com/dmonad/crdt-benchmarks); times are ${clock}, median (least–most). In B3
updateSize is that of all updates together. B4 is not measured: no package ships its editing trace.

${markdown([[`N = ${showCount(first.n)}`, ...engines], ...rows])}
</details>
`
}
