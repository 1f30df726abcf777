/**
 * The chapter of a simulation, for the page.
 *
 * ```ts
 * const chapter = simulationChapter(simulation)
 * ```
 */
import { showCount, showNumber } from '../runner/table.ts'
import type { Finite, WriteRow } from '../simulate/rows.ts'
import type { Result } from '../simulate/simulate.ts'
import type { Chapter, Table } from './chapter.ts'
import { SHARE } from './plot/unit.ts'

const show = (number: Finite | undefined): string =>
  number === null || number === undefined ? 'never' : showNumber(number)

export const writesTable = (rows: readonly WriteRow[]): Table => ({
  caption: 'one write, by pushes and echo alone; medians',
  head: [
    'characters',
    'lost',
    '50 % (ms)',
    '90 % (ms)',
    '99 % (ms)',
    'all (ms)',
    'left out',
    'theory',
    'messages a node',
    'copies a node',
    'bytes a node',
    'hops, mean',
    'theory: rounds in step',
  ],
  rows: rows.map((row) => [
    showCount(row.size),
    SHARE.show(row.loss),
    ...row.ms.map(show),
    SHARE.show(row.leftOut),
    SHARE.show(row.theory.leftOutByEcho),
    showNumber(row.messages),
    showNumber(row.copies),
    showNumber(row.bytes),
    show(row.hopsMean),
    showNumber(row.theory.pushRounds),
  ]),
  left: 0,
})

const tablesOf = ({ writes, rates, faults, writers, verdicts }: Result): Table[] => [
  {
    caption: 'the numbers to beat',
    head: ['number', 'of', 'holds', 'value', 'at most'],
    rows: verdicts.map(({ name, of, unit, value, target, isInside }) => [
      name,
      of,
      isInside ? 'yes' : 'NO',
      `${show(value)} ${unit}`.trimEnd(),
      `${show(target)} ${unit}`.trimEnd(),
    ]),
    left: 3,
  },
  writesTable(writes),
  {
    caption: 'traffic of a node in a second',
    head: [
      'lost',
      'idle: messages',
      'bytes',
      'load: messages',
      'bytes',
      '99 % have a write (ms)',
      'at most (ms)',
    ],
    rows: rates.map((row) => [
      SHARE.show(row.loss),
      showNumber(row.idleMessages),
      showNumber(row.idleBytes),
      showNumber(row.loadMessages),
      showNumber(row.loadBytes),
      show(row.loadMs),
      show(row.loadMsMost),
    ]),
    left: 0,
  },
  {
    caption: 'after a fault, until all have all',
    head: ['fault', 'lost', 'nodes', 'writes', 'median (ms)', 'at most (ms)', 'rounds'],
    rows: faults.map((row) => [
      row.fault,
      SHARE.show(row.loss),
      showCount(row.nodes),
      showCount(row.writes),
      show(row.ms),
      show(row.msMost),
      show(row.rounds),
    ]),
    left: 1,
  },
  {
    caption: 'one write, by those who wrote before',
    head: ['past writers', 'bytes a node', 'messages a node'],
    rows: writers.map((row) => [
      showCount(row.writers),
      showNumber(row.bytes),
      showNumber(row.messages),
    ]),
    left: 0,
  },
]

export const simulationChapter = (result: Result): Chapter => {
  const { nodes, fanout, echo, latency, seed, seeds, writes } = result.settings
  return {
    id: 'simulation',
    title: 'convergence',
    note: `${showCount(nodes)} simulated nodes on links of ${latency[0]} to ${latency[1]} ms; pushes to ${fanout}, digests to ${echo} more;
swarms from seed ${seed}: ${seeds}, writes in each: ${writes}; the same figures on every machine.
Theory: random targets, and nobody waits for an answer that was lost`,
    tables: tablesOf(result).filter(({ rows }) => rows.length > 0),
  }
}
