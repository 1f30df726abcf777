/**
 * The hidden command `complete`, which the completion scripts of all shells call: the words of a
 * line up to the cursor go in, what the last of them may become comes out.
 *
 *     $ pilot-gossip complete get --ma
 *     words
 *     --map	another map (default: state)
 *
 * The first line is `words`, `files` or `folders`. After `words` each line is a word, a tab and
 * what help says of it. The shell itself completes files and folders, after the `=` of an option.
 */
import { join } from 'node:path'
import type { Argument, Option, Options, Valued } from '../control/command.ts'
import type { Command } from './grammar.ts'
import { COMMON, isValued } from './parse-line.ts'
import type { Context } from './report.ts'
import { requestOf } from './requests.ts'
import { reach } from './target.ts'
import { printable, showKey } from './text.ts'

type Word = readonly [word: string, about: string]

export type Completion =
  | { readonly kind: 'words'; readonly words: readonly Word[] }
  | { readonly kind: 'files' | 'folders' }

/** Resolves to the keys of the agent that these options select. */
export type FindKeys = (options: Readonly<Record<string, string>>) => Promise<readonly string[]>

const NOTHING: Completion = { kind: 'words', words: [] }

const KINDS: Readonly<Record<string, Completion>> = {
  FILE: { kind: 'files' },
  PATH: { kind: 'files' },
  DIR: { kind: 'folders' },
}

/** Options that the program takes without a command. */
const PROGRAM_OPTIONS: Options = { ...COMMON, version: { about: 'print the version' } }

/** A word that the parser takes for an option: a number is not one. */
const isOption = (word: string): boolean => /^-[^\d.]/.test(word)

/** What stands before the word to complete. */
interface Before {
  readonly command: Command | undefined
  /** The number of arguments after the command. */
  readonly count: number
  /** The option whose value the word is, without dashes. */
  readonly option: string | undefined
  /** Has `--` ended the options? */
  readonly isPlain: boolean
  /** The values of all options so far. */
  readonly values: Readonly<Record<string, string>>
}

/** An option of that command, or of any: it may stand before its command, and means the same to all. */
const findOption = (
  commands: readonly Command[],
  command: Command | undefined,
  name: string,
): Option | undefined => {
  const owners = command ? [command] : commands
  return owners.find(({ options }) => Object.hasOwn(options, name))?.options[name]
}

const takesValue = (commands: readonly Command[], name: string): boolean =>
  commands.some(({ options }) => {
    const option = Object.hasOwn(options, name) ? options[name] : undefined
    return option !== undefined && isValued(option)
  })

const readBefore = (commands: readonly Command[], words: readonly string[]): Before => {
  const values: Record<string, string> = {}
  const plain: string[] = []
  let option: string | undefined
  let isPlain = false
  for (const word of words) {
    if (option !== undefined) {
      values[option] = word
      option = undefined
    } else if (!isPlain && word === '--') {
      isPlain = true
    } else if (!isPlain && isOption(word)) {
      const [, name = '', value] = /^-*([^=]*)(?:=(.*))?$/s.exec(word) ?? []
      if (value !== undefined) values[name] = value
      else if (takesValue(commands, name)) option = name
    } else {
      plain.push(word)
    }
  }
  const [name, ...args] = plain
  // An unknown word is not a command, but what follows it is not one either.
  const command = commands.find((one) => one.name === name)
  return { command, count: name === undefined ? -1 : args.length, option, isPlain, values }
}

const startingWith = (start: string, words: readonly Word[]): Completion => ({
  kind: 'words',
  words: words.filter(([word]) => word.startsWith(start)),
})

const optionWords = (options: Options): Word[] =>
  Object.entries({ ...options, ...COMMON }).map(([name, { about }]) => [`--${name}`, about])

/** The values that an argument or an option may have. */
const valuesOf = async (
  one: Argument | Valued | undefined,
  commands: readonly Command[],
  keys: () => Promise<readonly string[]>,
): Promise<Completion> => {
  if (one === undefined) return NOTHING
  const kind = 'value' in one ? one.value : one.name
  if (one.choices) return { kind: 'words', words: one.choices.map((choice) => [choice, '']) }
  if (kind === 'COMMAND') {
    return { kind: 'words', words: commands.map(({ name, about }) => [name, about]) }
  }
  if (kind === 'KEY') return { kind: 'words', words: (await keys()).map((key) => [key, '']) }
  return KINDS[kind] ?? NOTHING
}

/** What the last word may become; `words` are all after the program's name. */
export const complete = async (
  commands: readonly Command[],
  words: readonly string[],
  findKeys: FindKeys,
): Promise<Completion> => {
  const last = words.at(-1) ?? ''
  const { command, count, option, isPlain, values } = readBefore(commands, words.slice(0, -1))
  const keys = () => findKeys(values)
  const [, inline] = (!isPlain && option === undefined && /^--([^=]+)=/.exec(last)) || []
  const named = option ?? inline
  if (named !== undefined) {
    const found = findOption(commands, command, named)
    const all = await valuesOf(found && isValued(found) ? found : undefined, commands, keys)
    if (all.kind !== 'words') return all
    const before = inline === undefined ? '' : `--${inline}=`
    return startingWith(
      last,
      all.words.map(([word, about]) => [`${before}${word}`, about]),
    )
  }
  if (!isPlain && last.startsWith('-')) {
    if (count >= 0 && !command) return NOTHING
    return startingWith(last, optionWords(command?.options ?? PROGRAM_OPTIONS))
  }
  if (count < 0) {
    return startingWith(
      last,
      commands.map(({ name, about }) => [name, about]),
    )
  }
  const all = await valuesOf(command?.args[count], commands, keys)
  return all.kind === 'words' ? startingWith(last, all.words) : all
}

/** The shell did not expand a `~` in a word that it only completes. */
const expandHome = (path: string, { HOME = '' }: NodeJS.ProcessEnv): string =>
  path.startsWith('~/') && HOME !== '' ? join(HOME, path.slice(2)) : path

/** Keys that the shell can take as they are. None if no agent answers: a shell shows no errors. */
const keysOf =
  (context: Context): FindKeys =>
  async ({ data, ...rest }) => {
    const { env } = context.io
    const options = { ...rest, ...(data !== undefined && { data: expandHome(data, env) }) }
    try {
      const request = await requestOf(context, 'keys', [], options)
      const { client } = await reach(context, options)
      const { keys } = await client.ask(request)
      // One that begins with a dash would be read as an option.
      return (keys as readonly string[]).filter((key) => showKey(key) === key && !isOption(key))
    } catch {
      return []
    }
  }

/** Prints the completion of the last word. */
export const printCompletion = async (
  context: Context,
  commands: readonly Command[],
  words: readonly string[],
): Promise<void> => {
  const found = await complete(commands, words, keysOf(context))
  const lines = found.kind === 'words' ? found.words : []
  const text = lines.map(([word, about]) => `${word}\t${printable(about)}`)
  context.io.out([found.kind, ...text].map((line) => `${line}\n`).join(''))
}
