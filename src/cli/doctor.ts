/**
 * The command `doctor`: looks at all that `run` needs, and says what to do where it is missing.
 */
import type { Check } from './check.ts'
import { type DoctorOptions, examine } from './checks.ts'
import { type Context, report } from './report.ts'
import { printable, styler } from './text.ts'

const LEVELS = {
  ok: { style: 'green', word: 'ok     ' },
  warning: { style: 'yellow', word: 'warning' },
  problem: { style: 'red', word: 'PROBLEM' },
} as const

const showChecks = ({ io }: Context, checks: readonly Check[]): string => {
  const style = styler(io.hasColors)
  const width = Math.max(...checks.map(({ name }) => name.length))
  return checks
    .map(({ name, level, detail, hint }) => {
      const { style: colour, word } = LEVELS[level]
      const line = `${style(colour, word)}  ${name.padEnd(width)}  ${printable(detail)}\n`
      return hint === undefined ? line : `${line}${' '.repeat(width + 11)}${printable(hint)}\n`
    })
    .join('')
}

/** The exit code: 1 where something makes `run` impossible. */
export const doctor = async (context: Context, options: DoctorOptions): Promise<number> => {
  const checks = await examine(options, context.io.env)
  const told = checks.map(({ name, ...check }) => ({
    name,
    ok: check.level !== 'problem',
    ...check,
  }))
  report(context, { checks: told }, () => showChecks(context, checks))
  return told.every(({ ok }) => ok) ? 0 : 1
}
