/**
 * The command `completion`: prints a script that makes a shell complete commands, options,
 * their values and, by asking the running agent, keys.
 *
 * ```ts
 * await completion(context, COMMANDS, 'bash')
 * ```
 */
import { bashScript } from './completion-bash.ts'
import { fishScript } from './completion-fish.ts'
import { zshScript } from './completion-zsh.ts'
import type { Command } from './grammar.ts'
import { type Context, report } from './report.ts'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

/** Throws a TypeError for a shell that has none: the parser lets none through. */
export const completion = async (
  context: Context,
  commands: readonly Command[],
  shell = '',
): Promise<void> => {
  const write = Object.entries(SCRIPTS).find(([name]) => name === shell)?.[1]
  if (write === undefined) throw new TypeError(`no script for the shell "${shell}"`)
  const script = write(commands)
  report(context, { shell, script }, () => script)
}
