/** What `points` and `restore` print. */
import type { FormerKey } from '../maps/index.ts'
import type { Answered } from './grammar.ts'
import { count, showKey, styler, table } from './text.ts'

interface ShownPoint {
  readonly time: string
  readonly bytes: number
}

/** Newest first. */
export const showPoints = ({ context: { io }, data }: Answered<'points'>): string => {
  const points = data.points as readonly ShownPoint[]
  if (points.length === 0) {
    io.err('no former state yet; one is stored each hour in which something changes\n')
    return ''
  }
  const style = styler(io.hasColors)
  const rows = points.map(({ time, bytes }) => [time, String(bytes)])
  return table(['TIME (UTC)', 'BYTES'], rows, {
    width: io.isTerminal ? io.columns : undefined,
    head: (line) => style('bold', line),
  })
}

const line = (verb: string) => (each: FormerKey) =>
  `${verb} ${showKey(each.key)} of map ${showKey(each.map)}\n`

/** With `--dry-run` also each key. */
export const showRestored = ({ context: { io }, data }: Answered<'restore'>): string => {
  const { time, isDryRun } = data
  const [written, deleted] = [Number(data.written), Number(data.deleted)]
  const keys = data.keys as { readonly written: FormerKey[]; readonly deleted: FormerKey[] }
  const flattened = Number(data.flattened ?? 0)
  if (flattened > 0)
    io.err(`${count(flattened, 'entry', 'entries')} held shared types, which become plain values\n`)
  const left = Number(data.left ?? 0)
  const each = isDryRun
    ? [...keys.written.map(line('write')), ...keys.deleted.map(line('delete'))].join('')
    : ''
  const more = isDryRun && left > 0 ? `and ${count(left, 'more key')}\n` : ''
  const verb = isDryRun ? 'would write' : 'wrote'
  const also = deleted > 0 ? `, ${isDryRun ? 'delete' : 'deleted'} ${count(deleted, 'key')}` : ''
  return `${each}${more}${verb} ${count(written, 'key')}${also}, as of ${time}\n`
}
