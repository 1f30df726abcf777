/**
 * The command `doctor`: checks everything that `run` needs, and says how to provide what is missing.
 */
import { Failure } from '../errors.ts'
import type { Check } from './check.ts'
import { type DoctorOptions, examine } from './checks.ts'
import { type Context, report, reportFailure } from './report.ts'
import { count, printable, styler } from './text.ts'

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

/** A check in JSON. */
const toJson = ({ name, level, detail, hint }: Check) => ({
  name,
  ok: level !== 'problem',
  level,
  detail,
  ...(hint !== undefined && { hint }),
})

/**
 * Resolves with the exit code: 1 if a problem makes `run` impossible. In JSON that is an error like
 * that of any other command, for the first problem; all checks are in its `data`.
 */
export const doctor = async (context: Context, options: DoctorOptions): Promise<number> => {
  const checks = await examine(options, context.io.env)
  const data = { checks: checks.map(toJson) }
  const problems = checks.filter(({ level }) => level === 'problem')
  const [problem] = problems
  if (problem === undefined || !context.isJson) {
    report(context, data, () => showChecks(context, checks))
    return problem === undefined ? 0 : 1
  }
  const { name, code = 'internal', detail, hint } = problem
  const others = problems.length === 1 ? '' : `; ${count(problems.length - 1, 'more problem')}`
  const failure = new Failure(code, `${name}: ${detail}${others}`, { hint })
  reportFailure(context, failure, data)
  return 1
}
