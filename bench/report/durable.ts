/** The chapters of what an agent keeps: overwrites, start-up and commits. */
import { HOT_WRITER_KEYS } from '../engines/layouts.ts'
import { showCount, showNumber, showRatio, showSpread } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { CommitResult } from '../workloads/commits.ts'
import type { Overwrites } from '../workloads/overwrites.ts'
import type { Restarts } from '../workloads/restarts.ts'
import { type Chapter, grouped, type Table } from './chapter.ts'

/** Bytes. */
const MB = 1_000_000

const megabytes = (bytes: number): string => showRatio(bytes / MB)

const overwritesTable = (rows: readonly Overwrites[]): Table => {
  const { writers, keys, liveBytes } = rows.at(-1)!
  return {
    caption: `${writers} ${writers === 1 ? 'writer' : 'writers'}: ${showCount(keys)} keys, alive ${showCount(liveBytes)} bytes of JSON`,
    head: [
      'layout',
      'overwrites a key',
      'bytes (V1)',
      'x live',
      'structs',
      'x keys',
      'a write (us)',
      'its exchange (us)',
    ],
    rows: grouped(
      rows.map((row) => [
        row.layout,
        showCount(row.times),
        showCount(row.bytes),
        showRatio(row.byteRatio),
        showCount(row.structs),
        showRatio(row.structRatio),
        showNumber(row.writeUs),
        row.exchangeUs === null ? '-' : showNumber(row.exchangeUs),
      ]),
    ),
    left: 1,
  }
}

export const overwritesChapter = (rows: readonly Overwrites[], clock: string): Chapter => {
  const counts = unique(rows.map(({ writers }) => writers))
  return {
    id: 'overwrites',
    title: 'overwrites',
    note: `keys at random; ${clock} of one write, since the row before, and of telling it to all other writers`,
    tables: counts.map((count) => overwritesTable(rows.filter(({ writers }) => writers === count))),
  }
}

export const startUpChapter = (rows: readonly Restarts[]): Chapter => ({
  id: 'start-up',
  title: 'start-up',
  note: `from an empty document to the first entry that was read, elapsed time, each in a process of its own
(node's own start is not in it; files from the system's cache); medians, the least and the most;
of hot keys each writer has ${showCount(HOT_WRITER_KEYS)} at most`,
  tables: [
    {
      caption: '',
      head: [
        'layout',
        'keys',
        'on disk as',
        'disk (MB)',
        'start (ms)',
        'min (ms)',
        'max (ms)',
        'processor (ms)',
        'load (ms)',
        'restore (ms)',
        'first read (ms)',
        'memory (MB)',
        'process at most (MB)',
      ],
      rows: rows.map((row) => [
        row.layout,
        showCount(row.keys),
        row.kept,
        megabytes(row.diskBytes),
        ...showSpread(row.ms),
        showNumber(row.cpuMs.median),
        showNumber(row.loadMs),
        showNumber(row.restoreMs),
        showNumber(row.readMs),
        megabytes(row.heapBytes),
        megabytes(row.peakBytes),
      ]),
      left: 3,
    },
  ],
})

export const commitsChapter = ({ disk, rows }: CommitResult): Chapter => {
  const { median, min, max } = disk.fsyncMs
  return {
    id: 'commits',
    title: 'commits',
    note: `writes that are on disk when they are acknowledged, elapsed time; each writer waits for its write
${disk.fileSystem}, one flush alone takes ${showNumber(median)} ms (${showNumber(min)} to ${showNumber(max)}, ${disk.samples} samples)`,
    tables: [
      {
        caption: '',
        head: [
          'writers at once',
          'writes',
          'flushes',
          'writes a flush',
          'writes a second',
          'wait (ms)',
          'min (ms)',
          'max (ms)',
        ],
        rows: rows.map((row) => [
          showCount(row.writers),
          showCount(row.writes),
          showCount(row.flushes),
          showNumber(row.writesPerFlush),
          showNumber(row.perSecond),
          ...showSpread(row.waitMs),
        ]),
        left: 1,
      },
    ],
  }
}
