/**
 * What the completion of all shells needs to know, read from the table of commands.
 *
 * ```ts
 * valuedOptions(COMMANDS)                             // [{ name: '--swarm', option: … }, …]
 * completionOf({ name: 'KEY', about: '…' }, COMMANDS) // { kind: 'key' }
 * ```
 */
import type { Argument, Command, Valued } from './grammar.ts'
import { isValued } from './parse-line.ts'

export type Completed =
  /** the keys of the map, as the running agent tells them */
  | { readonly kind: 'key' }
  | { readonly kind: 'file' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'words'; readonly words: readonly string[] }
  /** nobody can know it */
  | { readonly kind: 'nothing' }

const KINDS: Readonly<Record<string, Completed>> = {
  KEY: { kind: 'key' },
  FILE: { kind: 'file' },
  PATH: { kind: 'file' },
  DIR: { kind: 'folder' },
}

/** What an argument, or the value of an option, is completed to. */
export const completionOf = (one: Argument | Valued, commands: readonly Command[]): Completed => {
  const name = 'value' in one ? one.value : one.name
  if (one.choices !== undefined) return { kind: 'words', words: one.choices }
  if (name === 'COMMAND') return { kind: 'words', words: commands.map((command) => command.name) }
  return KINDS[name] ?? { kind: 'nothing' }
}

/** The options, of any command, behind which a value stands. One name means the same to all of them. */
export const valuedOptions = (
  commands: readonly Command[],
): readonly { readonly name: string; readonly option: Valued }[] => {
  const found = new Map<string, Valued>()
  for (const { options } of commands) {
    for (const [name, option] of Object.entries(options)) {
      if (isValued(option)) found.set(`--${name}`, option)
    }
  }
  return [...found].map(([name, option]) => ({ name, option }))
}

/** The options that say whose keys are meant; a completion of keys passes them on. */
export const OF_KEYS = ['--swarm', '--data', '--map'] as const
