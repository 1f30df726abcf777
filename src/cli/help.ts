/**
 * The command `help`: lists all commands, or shows how one is used, from the table of commands.
 * Lines are at most 80 characters long.
 *
 * ```ts
 * await help(context, COMMANDS, 'get')
 * ```
 */
import type { Argument, Group, Option } from '../control/command.ts'
import type { Command } from './grammar.ts'
import { COMMON, findCommand, isValued, usageOf } from './parse-line.ts'
import { type Context, report } from './report.ts'
import { styler } from './text.ts'

type Style = ReturnType<typeof styler>
type Row = readonly [word: string, about: string]

const GROUPS: readonly Group[] = ['Run an agent', 'Entries', 'Watch and wait', 'Swarm', 'Tools']

const WIDTH = 80

const ABOUT =
  'Shared maps for swarms of agents: every agent sees each write within about a second, over the Pilot Protocol (pilotctl) or a folder on one host.'

const TRY = [
  'pilot-gossip run --swarm kv --mailbox /tmp/kv --detach',
  'pilot-gossip set greeting hello',
  'pilot-gossip get greeting',
]

const AFTER: readonly Row[] = [
  ['Agent', 'the one of --data DIR or --swarm NAME, else the only one that runs.'],
  ['', 'PILOT_GOSSIP_DATA and PILOT_GOSSIP_SWARM are the defaults.'],
  ['Data', 'in ~/.local/state/pilot-gossip/SWARM, or in DIR.'],
  ['Programs', '--json prints {"status":"ok","data":{}}, and errors on standard error.'],
  ['Exit code', '0: done. 1: failed. 2: the command line is wrong.'],
  ['More', 'pilot-gossip help COMMAND'],
]

/** Options that many commands have: they follow a command's own. */
const SHARED = ['map', 'swarm', 'data']

/** The text in lines of at most `width` characters; a longer word keeps its length. */
const wrap = (text: string, width: number): string[] => {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length === 0 || longer.length > width) lines.push(word)
    else lines[lines.length - 1] = longer
  }
  return lines
}

/** Lines of two columns, the first at least `least` wide. */
const columns = (rows: readonly Row[], least = 0): string[] => {
  const left = Math.max(least, ...rows.map(([word]) => word.length)) + 4
  return rows.flatMap(([word, about]) =>
    wrap(about, WIDTH - left).map((part, index) =>
      `  ${index === 0 ? word : ''}`.padEnd(left).concat(part),
    ),
  )
}

/** Lines below a heading, after an empty line; nothing if there are no lines. */
const part = (head: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', head, ...lines]

const usage = (words: string, style: Style): string =>
  `${style('bold', 'Usage')}: pilot-gossip ${words} [OPTIONS]`

const showAll = (commands: readonly Command[], style: Style): string[] => {
  const widest = Math.max(...commands.map((one) => usageOf(one).length))
  const groups = GROUPS.flatMap((group) => {
    const own = commands.filter((one) => one.group === group)
    const rows = own.map((one): Row => [usageOf(one), one.about])
    return part(style('bold', group), columns(rows, widest))
  })
  const tries = TRY.map((line) => `  ${line}`)
  return [
    usage('COMMAND', style),
    '',
    ...wrap(ABOUT, WIDTH),
    ...groups,
    ...part(style('bold', 'Try'), tries),
    '',
    ...columns(AFTER),
  ]
}

/** The description, with the choices unless it already names them. */
const aboutOf = (one: Option | Argument): string => {
  const choices = 'choices' in one && one.choices !== undefined ? one.choices : []
  const isSaid = choices.every((choice) => one.about.includes(choice))
  return isSaid ? one.about : `${choices.join(' or ')}; ${one.about}`
}

const optionRow = ([name, option]: readonly [string, Option]): Row => {
  const short = name === 'help' ? '-h, ' : ''
  return [`${short}--${name}${isValued(option) ? ` ${option.value}` : ''}`, aboutOf(option)]
}

const showOne = (one: Command, style: Style): string[] => {
  const args = one.args.map((arg): Row => [arg.name, aboutOf(arg)])
  const options = Object.entries(one.options)
  const isShared = ([name]: readonly [string, Option]): boolean =>
    SHARED.includes(name) && one.needs === undefined
  const own = options.filter((option) => !isShared(option)).map(optionRow)
  const shared = options.filter(isShared).map(optionRow)
  const common = Object.entries(COMMON).map(optionRow)
  const widest = Math.max(...[...args, ...own, ...shared, ...common].map(([word]) => word.length))
  const show = (head: string, rows: readonly Row[]): string[] =>
    part(style('bold', head), columns(rows, widest))
  return [
    usage(usageOf(one), style),
    '',
    ...wrap(`${one.about[0]?.toUpperCase()}${one.about.slice(1)}.`, WIDTH),
    ...(one.paragraphs ?? []).flatMap((paragraph) => ['', ...wrap(paragraph, WIDTH)]),
    ...show('Arguments', args),
    ...show('Options', own),
    ...show('map' in one.options ? 'Which map, which agent' : 'Which agent', shared),
    ...show('Everywhere', common),
    ...part(
      style('bold', 'Examples'),
      (one.examples ?? []).map((line) => `  ${line}`),
    ),
  ]
}

/** A command as data, for programs that read `help --json`. */
const describe = ({ name, group, about, args, options, examples = [] }: Command) => ({
  name,
  group,
  about,
  args,
  options: Object.entries({ ...options, ...COMMON }).map(([option, rest]) => ({
    name: `--${option}`,
    ...rest,
  })),
  examples,
})

/** Prints help for the named command, or for all. Rejects with UnknownWord for another name. */
export const help = async (
  context: Context,
  commands: readonly Command[],
  topic?: string,
): Promise<void> => {
  const style = styler(context.io.hasColors)
  const chosen = topic === undefined ? commands : [findCommand(commands, topic)]
  const show = (): string[] =>
    topic === undefined ? showAll(commands, style) : chosen.flatMap((one) => showOne(one, style))
  report(context, { commands: chosen.map(describe) }, () => `${show().join('\n')}\n`)
}
