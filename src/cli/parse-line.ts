/**
 * Parses the words of a command line into a command with its arguments and options. It guesses
 * nothing: an unknown word is a Failure (invalid_argument).
 *
 * ```ts
 * parseLine(COMMANDS, ['get', 'k', '--map', 'm'])
 * // { command: { name: 'get', … }, args: ['k'], options: { map: 'm' } }
 * ```
 */
import { parseArgs } from 'node:util'
import type { Option, Options, Valued } from '../control/command.ts'
import { Failure, invalid } from '../errors.ts'
import type { Command, Value } from './grammar.ts'

/** Options of every command. */
export const COMMON: Options = {
  json: { about: 'print JSON, in the form of pilotctl' },
  help: { about: 'print this help' },
}

export const isValued = (option: Option): option is Valued => 'value' in option

/** `set KEY VALUE`, `watch [KEY]`, `run --swarm NAME` */
export const usageOf = ({ name, needs, args }: Command): string => {
  const words = args.map((arg) => (arg.isOptional ? `[${arg.name}]` : arg.name))
  return [name, ...(needs === undefined ? [] : [needs]), ...words].join(' ')
}

export interface Line {
  /** For `--help` and `--version` the commands of these names. */
  readonly command: Command
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, Value>>
}

/** An unknown word, with those that are known; `parse-guess.ts` finds the nearest. */
export class UnknownWord extends Failure {
  readonly word: string
  readonly known: readonly Pick<Command, 'name' | 'synonyms'>[]

  constructor(what: string, word: string, known: UnknownWord['known'], hint: string) {
    super('invalid_argument', `unknown ${what} "${word}"`, { hint })
    this.word = word
    this.known = known
  }
}

/** A value such as -5 is not an option: no option is a digit. */
const NEGATIVE = /^-(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/

/** Throws UnknownWord for a name that no command has. */
export const findCommand = (commands: readonly Command[], name: string): Command => {
  const found = commands.find((one) => one.name === name)
  if (found !== undefined) return found
  throw new UnknownWord('command', name, commands, 'see: pilot-gossip help')
}

/**
 * The options that take a value, of all commands, since an option may precede its command. A name
 * takes a value in every command that has it, or in none.
 */
const optionTypes = (commands: readonly Command[]) => {
  const types: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'V' },
  }
  for (const { options } of commands) {
    for (const [name, option] of Object.entries(options)) {
      types[name] = { type: isValued(option) ? 'string' : 'boolean' }
    }
  }
  return types
}

/** An option as it stands on the line. */
interface Found {
  readonly name: string
  /** The word it was given in: `--map`, `-x`. */
  readonly word: string
  readonly value: string | undefined
  /** Was it `--name=value`? */
  readonly isInline: boolean
}

/** Splits the line into plain words and options, without their meaning. */
const split = (commands: readonly Command[], words: readonly string[]) => {
  const { tokens } = parseArgs({
    // Negative numbers are hidden from the parser, which would take them for options.
    args: words.map((word) => (NEGATIVE.test(word) ? 'number' : word)),
    options: optionTypes(commands),
    strict: false,
    tokens: true,
  })
  const plain: string[] = []
  const found: Found[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') plain.push(words[token.index]!)
    if (token.kind !== 'option') continue
    const { name, rawName, index, value } = token
    const isInline = token.inlineValue === true
    found.push({
      name,
      // Of several letters after one dash, errors quote the whole word.
      word: rawName.startsWith('--') ? rawName : words[index]!,
      value: value === undefined || isInline ? value : words[index + 1],
      isInline,
    })
  }
  return { plain, found }
}

const checkChoice = (what: string, value: string, choices?: readonly string[]): void => {
  if (choices === undefined || choices.includes(value)) return
  const all = `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`
  throw invalid(`${what} "${value}" is not usable`, `give ${all}`)
}

/** The value of an option. Throws a Failure if it is missing, or not allowed. */
const readValue = (option: Option, { word, value, isInline }: Found): string | true => {
  if (!isValued(option)) {
    if (!isInline) return true
    throw invalid(`${word} takes no value, but was given "${value}"`, `leave "=${value}" out`)
  }
  if (value === undefined)
    throw invalid(`${word} needs a value`, `give it: ${word} ${option.value}`)
  if (!isInline && /^-./.test(value) && !NEGATIVE.test(value)) {
    throw invalid(
      `${word} needs a value, but "${value}" follows`,
      `give it: ${word} ${option.value}; one that begins with a dash: ${word}=${value}`,
    )
  }
  checkChoice(word, value, option.choices)
  return value
}

const unknownOption = (
  { name, word }: Found,
  command: Command,
  commands: readonly Command[],
): UnknownWord => {
  const known = Object.keys({ ...command.options, ...COMMON }).map((own) => ({ name: `--${own}` }))
  const owners = commands.filter(({ options }) => Object.hasOwn(options, name))
  if (owners.length > 0) {
    const names = owners.map((owner) => owner.name).join(', ')
    return new UnknownWord(`option of ${command.name}`, word, [], `it is one of: ${names}`)
  }
  const isValue = command.args.length > 0 && !word.startsWith('--')
  const hint = isValue
    ? `before a value that begins with a dash put --: pilot-gossip ${command.name} … -- ${word}`
    : `see: pilot-gossip ${command.name} --help`
  return new UnknownWord('option', word, known, hint)
}

const readOptions = (command: Command, found: readonly Found[], commands: readonly Command[]) => {
  const options: Record<string, Value> = {}
  for (const one of found) {
    const { name } = one
    const all = Object.hasOwn(command.options, name) ? command.options : COMMON
    const option = Object.hasOwn(all, name) ? all[name] : undefined
    if (option === undefined) throw unknownOption(one, command, commands)
    const value = readValue(option, one)
    const earlier = options[name] ?? []
    const isList = isValued(option) && option.isList === true && Array.isArray(earlier)
    options[name] = isList ? [...earlier, String(value)] : value
  }
  return options
}

/** Throws a Failure if there are too few or too many arguments, or one is not allowed. */
const checkArgs = (command: Command, args: readonly string[]): void => {
  const usage = `usage: pilot-gossip ${usageOf(command)}`
  const missing = command.args[args.length]
  if (missing !== undefined && !missing.isOptional) {
    throw invalid(`${command.name} needs ${missing.name}`, usage)
  }
  const extra = args[command.args.length]
  if (extra !== undefined) throw invalid(`unexpected argument "${extra}"`, usage)
  for (const [index, { name, choices }] of command.args.entries()) {
    if (args[index] !== undefined) checkChoice(name, args[index], choices)
  }
}

/** Throws a Failure (invalid_argument), UnknownWord for one, for a line that is not usable. */
export const parseLine = (commands: readonly Command[], words: readonly string[]): Line => {
  const { plain, found } = split(commands, words)
  const asks = (name: string): boolean => found.some((one) => one.name === name)
  const [name, ...args] = plain
  if (asks('help')) {
    const topic = name === undefined ? [] : [findCommand(commands, name).name]
    return { command: findCommand(commands, 'help'), args: topic, options: {} }
  }
  if (name === undefined && asks('version')) {
    return { command: findCommand(commands, 'version'), args: [], options: {} }
  }
  if (name === undefined) throw invalid('no command given', 'see: pilot-gossip help')
  const command = findCommand(commands, name)
  const options = readOptions(command, found, commands)
  checkArgs(command, args)
  return { command, args, options }
}
