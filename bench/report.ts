/**
 * A result as tables for people. Bytes come before times: they are the same on every machine.
 *
 * ```ts
 * process.stdout.write(showResult(result))
 * ```
 */
import type { BenchResult } from './bench.ts'
import type { LostWrites } from './lost-writes.ts'
import { type Cell, MOST_TURNS } from './runner.ts'

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const digits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })

/** Three digits, but no rounding before the decimal point. */
const show = (number: number): string => (number >= 100 ? whole : digits).format(number)

/** Columns two spaces apart; the first `left` of them to the left, numbers to the right. */
const table = (rows: readonly (readonly string[])[], left: number): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return rows.map((row) => `${line(row)}\n`).join('')
}

const mergeTable = (cells: readonly Cell[], reference: string): string => {
  const head = [
    'workload',
    'engine',
    'bytes',
    'time (us)',
    'min (us)',
    'max (us)',
    `x ${reference}`,
  ]
  const rows = cells.map(({ workload, engine, bytes, us, ratio }, index) => [
    workload === cells[index - 1]?.workload ? '' : workload,
    engine,
    show(bytes),
    show(us.median),
    show(us.min),
    show(us.max),
    ratio === null ? '-' : digits.format(ratio),
  ])
  return table([head, ...rows], 2)
}

const lostTable = (rows: readonly LostWrites[]): string => {
  const head = ['writes a round', 'engine', 'keys written', 'last writes lost', 'keys that differ']
  const cells = rows.map(({ writes, engine, written, lost, differing }, index) => [
    writes === rows[index - 1]?.writes ? '' : `${writes}`,
    engine,
    `${written}`,
    `${lost} (${Math.round((100 * lost) / written)} %)`,
    `${differing}`,
  ])
  return table([head, ...cells], 2)
}

const headOf = ({ machine, date, clock, seed, runs, reference, engines }: BenchResult): string => {
  const { cpu, cores, platform, node, yjs, lib0, load } = machine
  const list = table(
    engines.map(({ name, about }) => [name, about]),
    2,
  )
  return `merge cost, ${date}
${cpu}, ${cores} cores, ${platform}; node ${node}, yjs ${yjs}, lib0 ${lib0}; load ${load}
seed ${seed}, ${runs} to ${runs * MOST_TURNS} runs with engines in turn; ${clock} of one merge, from message to map: the median,
the least and the most; x is the median of the ratios to ${reference} within a run

${list}`
}

/** The whole report. */
export const showResult = (result: BenchResult): string => {
  const sizes = [...new Set(result.merges.map(({ keys }) => keys))]
  const merges = sizes.map((size) => {
    const cells = result.merges.filter(({ keys }) => keys === size)
    return `\n${whole.format(size)} keys\n${mergeTable(cells, result.reference)}`
  })
  const { nodes, keys, rounds, fanout } = result.swarm
  const lost = `\nlost writes: ${nodes} nodes, ${keys} keys, ${rounds} rounds, each node pushes its state to ${fanout} others
${lostTable(result.lostWrites)}`
  return [headOf(result), ...merges, lost].join('')
}
