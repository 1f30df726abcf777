/** What `history` prints: how a key came to have its value, as far as the agent knows. */
import type { PastChange } from '../control/history.ts'
import type { Answered } from './grammar.ts'
import { count, printable, showJson, showKey, styler, table } from './text.ts'

type Shown = PastChange & { readonly node?: string }

/** `2026-11-22 17:42:01`, in UTC. */
const showTime = (iso: string): string => iso.slice(0, 19).replace('T', ' ')

/** When it was written if that is known, else when this agent saw it. */
const showWhen = ({ written, seen }: Shown): string => {
  if (written !== undefined) return showTime(written)
  return seen === undefined ? 'unknown' : `seen ${showTime(seen)}`
}

/** `increment by 2 to 7`; `increment by 7 in all` for increments that this agent did not see. */
const showAdded = ({ by, value, isTotal }: Shown): string => {
  const to = value === undefined ? '' : ` to ${showJson(value)}`
  return ` by ${by}${isTotal ? ' in all' : to}`
}

const showWhat = (change: Shown): string => {
  const { action, value, by, isCurrent, count: many = 1 } = change
  const plain = value === undefined ? '' : ` ${showJson(value)}`
  const shown = by === undefined ? plain : showAdded(change)
  const times = many > 1 ? ` ${many} times` : ''
  return `${action}${shown}${times}${isCurrent ? ' (now)' : ''}`
}

/** The writer; if it is not known, the peer that brought the change. */
const showWho = ({ node, writer, from }: Shown): string => {
  if (node !== undefined) return showKey(printable(node))
  if (writer !== undefined) return String(writer)
  return from === undefined ? 'unknown' : `brought by ${showKey(printable(from))}`
}

/** Newest first. */
export const showHistory = ({ context: { io }, data }: Answered): string => {
  const style = styler(io.hasColors)
  const rows = (data.changes as readonly Shown[]).map((change) => [
    showWhen(change),
    showWho(change),
    showWhat(change),
  ])
  const left = Number(data.left)
  if (left > 0) io.err(`${count(left, 'older change')} left out\n`)
  return table(['WHEN (UTC)', 'BY', 'WHAT'], rows, {
    width: io.isTerminal ? io.columns : undefined,
    head: (line) => style('bold', line),
  })
}
