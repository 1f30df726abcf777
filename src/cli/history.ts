/** The command `history`: how a key came to what it is, as far as the agent knows. */
import type { PastChange } from '../control/history.ts'
import { type Context, report } from './report.ts'
import { type MapOptions, reach } from './target.ts'
import { count, printable, showJson, showKey, styler, table } from './text.ts'

type Told = PastChange & { readonly node?: string }

/** `2026-11-22 17:42:01`, in UTC. */
const showTime = (iso: string): string => iso.slice(0, 19).replace('T', ' ')

/** When it was written, where that is known; else when this agent saw it. */
const showWhen = ({ written, seen }: Told): string => {
  if (written !== undefined) return showTime(written)
  return seen === undefined ? 'unknown' : `seen ${showTime(seen)}`
}

/** `increment by 2 to 7`; `increment by 7 in all` of what was added before anybody looked. */
const showAdded = ({ by, value, isTotal }: Told): string => {
  const to = value === undefined ? '' : ` to ${showJson(value)}`
  return ` by ${by}${isTotal ? ' in all' : to}`
}

const showWhat = (change: Told): string => {
  const { action, value, by, isCurrent, count: many = 1 } = change
  const plain = value === undefined ? '' : ` ${showJson(value)}`
  const shown = by === undefined ? plain : showAdded(change)
  const times = many > 1 ? ` ${many} times` : ''
  return `${action}${shown}${times}${isCurrent ? ' (now)' : ''}`
}

/** Newest first. */
export const history = async (
  context: Context,
  [key = '']: readonly string[],
  options: MapOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'history', ...common, key })
  report(context, data, () => {
    const { io } = context
    const style = styler(io.hasColors)
    const rows = (data.changes as readonly Told[]).map((change) => [
      showWhen(change),
      change.node === undefined
        ? String(change.writer ?? 'unknown')
        : showKey(printable(change.node)),
      showWhat(change),
    ])
    const left = Number(data.left)
    if (left > 0) io.err(`${count(left, 'older change')} left out\n`)
    return table(['WHEN (UTC)', 'BY', 'WHAT'], rows, {
      width: io.isTerminal ? io.columns : undefined,
      head: (line) => style('bold', line),
    })
  })
}
