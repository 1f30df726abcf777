/**
 * The options of `npm run bench:swarm` and the settings they make.
 *
 * ```ts
 * parse(['--agents', '3', '--rate', '0.5']).settings.rate // 0.5
 * parse(['--loads', '5@1,20@50:120']).loads![1]!.seconds // 120
 * ```
 */
import { Failure } from '../../src/errors.ts'
import {
  COMMON,
  flag,
  invalidOption,
  listOf,
  oneOf,
  option,
  parseOptions,
  showOptions,
  whole,
} from '../runner/command-line.ts'
import { RATES, SCENARIOS, type Settings, STANDARD, TRANSPORTS } from './settings.ts'

/** Each takes two processes, together about 100 MB. */
const MAX_AGENTS = 100
/** Writes per second, which the bench issues in time on one core. */
const MAX_RATE = 1_000
const MAX_SECONDS = 3_600
/** Characters. A value may have 65,536 bytes; its number takes some. */
const MAX_VALUE = 60_000
const MAX_RUNS = 20
const MAX_ENTRIES = 100_000

const agents = whole(2, MAX_AGENTS, `2 to ${MAX_AGENTS}`)
const seconds = whole(1, MAX_SECONDS, 'seconds during which they write')

const rate = option(
  'N',
  `writes per second, all agents together, on time whatever the answers take; in an outage ${RATES.outage}`,
  `a number of writes per second, above 0 to ${MAX_RATE}, like 5 or 0.5`,
  (text) => {
    const number = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
    return number > 0 && number <= MAX_RATE ? number : undefined
  },
)

const versions = (help: string) =>
  listOf(
    option('LIST', help, 'a version of Pilot, like 1.18.0', (text) =>
      /^\d+(\.\d+){1,3}$/.test(text) ? text : undefined,
    ),
  )

const LOAD = 'AGENTS@RATE or AGENTS@RATE:SECONDS, like 5@1,20@50:120'

/** One load of the list: the settings it overrides. */
const load = {
  ...option('LIST', `of ${LOAD}: each in turn, with --runs swarms each`, LOAD, String),
  parse(text: string, word: string): Partial<Settings> {
    const [, count, pace, time] = /^([^@:]+)@([^@:]+)(?::([^@:]+))?$/.exec(text) ?? []
    if (count === undefined || pace === undefined) throw invalidOption(word, text, LOAD)
    return {
      agents: agents.parse(count, word),
      rate: rate.parse(pace, word),
      ...(time !== undefined && { seconds: seconds.parse(time, word) }),
    }
  },
}

/** The keys are those of the settings. */
export const OPTIONS = {
  agents,
  rate,
  seconds,
  loads: listOf(load),
  valueBytes: whole(1, MAX_VALUE, 'bytes of a value', 'value'),
  isHot: flag('each agent overwrites one hot key', 'hot'),
  transport: oneOf(TRANSPORTS, TRANSPORTS.join(' or ')),
  versions: versions('of Pilot, one for each node, in turn'),
  settleSeconds: whole(1, MAX_SECONDS, 'seconds for the replicas to become equal', 'settle'),
  idleSeconds: whole(1, MAX_SECONDS, 'seconds without a write before', 'idle'),
  runs: whole(1, MAX_RUNS, 'runs; medians follow'),
  interval: option('TIME', 'of the agents  (default: their own)', 'a duration, like 5s', (text) =>
    /^\d+(ms|s|m)$/.test(text) ? text : undefined,
  ),
  fanout: whole(1, MAX_AGENTS, 'of the agents  (default: their own)'),
  isBuilt: flag('agents from dist (npm run build) instead of from the sources', 'built'),
  scenario: oneOf(SCENARIOS, SCENARIOS.join(', ')),
  outageSeconds: whole(1, MAX_SECONDS, 'seconds of an outage', 'outage'),
  swaps: versions('of pilotctl, one after the other'),
  entries: whole(1, MAX_ENTRIES, 'values of an import'),
  entryBytes: whole(1, MAX_VALUE, 'bytes of each', 'entry-bytes'),
  ...COMMON,
} as const

export const HELP = `npm run bench:swarm -- [options]

Real agents, each a process of its own that knows one peer, over real daemons on loopback: how long
a write takes to every replica, and what it costs. At the end all replicas must be equal and hold
every acknowledged write.

${showOptions(OPTIONS, STANDARD)}
With --loads, the data of --json are {"loads":[{...},...]}.

Scenarios beside the plain load (outage and swap need pilot):
  outage   the last agent has no daemon while the others write: how long after the daemon's return
           until it is equal to them?
  swap     another pilotctl replaces that of the last agent, several times: when does its next
           write arrive?
  import   the first agent imports large values while the others write: do keys grow steadily, and
           how late are small writes?

Exits with 1 if a write is lost or refused, or if the replicas are not equal in time.
`

export interface Options {
  readonly settings: Settings
  /** One for each of `--loads`; undefined without that option. */
  readonly loads: readonly Settings[] | undefined
  readonly isJson: boolean
  readonly isHelp: boolean
}

const refuse = (message: string, hint: string): Failure =>
  new Failure('invalid_argument', message, { hint })

/** Throws a Failure (invalid_argument) for options that exclude each other. */
const checkTogether = ({ scenario, transport, isHot, agents: count }: Settings): void => {
  const needsPilot = scenario === 'outage' || scenario === 'swap'
  if (needsPilot && transport === 'mailbox') {
    const message = `--scenario "${scenario}" excludes --transport "mailbox"`
    throw refuse(message, 'omit --transport: a mailbox has neither daemon nor pilotctl')
  }
  if (isHot && scenario !== 'load')
    throw refuse(`--scenario "${scenario}" ignores --hot`, 'omit --hot')
  if (scenario === 'outage' && count < 3)
    throw invalidOption('--agents', `${count}`, '3 or more: one of them is cut off')
}

/** Throws a Failure (invalid_argument) that quotes the invalid option. */
export const parse = (args: readonly string[]): Options => {
  const given = parseOptions(OPTIONS, args, 'npm run bench:swarm')
  const { loads: list, json = false, help = false, ...own } = given
  const { scenario = STANDARD.scenario } = own
  const settings: Settings = { ...STANDARD, rate: RATES[scenario], ...own }
  checkTogether(settings)
  for (const name of ['agents', 'rate'] as const) {
    if (list === undefined || own[name] === undefined) continue
    const hint = 'give agents and writes per second in --loads alone, like 5@1,20@50'
    throw refuse(`--loads excludes --${name} "${own[name]}"`, hint)
  }
  if (list !== undefined && scenario !== 'load')
    throw refuse(`--scenario "${scenario}" excludes --loads`, 'omit --loads')
  const loads = list?.map((one) => ({ ...settings, ...one }))
  return { settings, loads, isJson: json, isHelp: help }
}
