/**
 * The words of the command line: what they may be, and the settings that they make.
 *
 * ```ts
 * parseOptions(['--agents', '3', '--rate', '0.5']).settings.rate // 0.5
 * parseOptions(['--loads', '5@1,20@50:120']).loads![1]!.seconds // 120
 * ```
 */
import { Failure } from '../../src/errors.ts'
import { parseNames, parseWhole, parseWords, unusable } from '../runner/command-line.ts'
import { RATES, SCENARIOS, type Settings, STANDARD, TRANSPORTS } from './settings.ts'

/** Each takes two processes, together about 100 MB. */
const MOST_AGENTS = 100
/** Writes a second. The bench itself issues that many in time on one core. */
const MOST_RATE = 1_000
const MOST_SECONDS = 3_600
/** Characters. A value may have 65,536 bytes; its number takes some. */
const MOST_VALUE = 60_000
const MOST_RUNS = 20
const MOST_ENTRIES = 100_000

export const HELP = `npm run bench:swarm -- [options]

Real agents, each a process of its own that knows one peer, over real daemons on loopback: how long
a write takes to every replica, and what it costs. At the end all replicas must be equal and
hold all that was acknowledged.

  --agents N        2 to ${MOST_AGENTS}  (default ${STANDARD.agents})
  --rate N          writes a second, of all agents together, each in time whatever the answers
                    take  (default ${STANDARD.rate}; in an outage ${RATES.outage})
  --seconds N       how long they write  (default ${STANDARD.seconds})
  --loads LIST      of AGENTS@RATE or AGENTS@RATE:SECONDS, like 5@1,20@50:120: each in turn, with
                    --runs swarms each
  --value BYTES     of a value  (default ${STANDARD.valueBytes})
  --hot             each agent overwrites one key, in the layout for such keys
  --transport NAME  ${TRANSPORTS.join(' or ')}  (default ${STANDARD.transport})
  --versions LIST   of Pilot, one for each node, in turn  (default ${STANDARD.versions})
  --settle N        seconds the replicas may take to become equal  (default ${STANDARD.settleSeconds})
  --idle N          seconds without a write before  (default ${STANDARD.idleSeconds})
  --runs N          runs; medians follow  (default ${STANDARD.runs})
  --interval TIME   of the agents, like 5s; --fanout N too  (default: their own)
  --built           agents from dist (npm run build) instead of from the sources
  --scenario NAME   ${SCENARIOS.join(', ')}  (default ${STANDARD.scenario})
  --json            one line of JSON: {"status":"ok","data":{...}}; with --loads the data are
                    {"loads":[{...},...]}
  --help            this text

Scenarios beside the plain load, over pilot alone but for the import:
  outage            the last agent is without its daemon for --outage ${STANDARD.outageSeconds} seconds while the others
                    write: how long after its daemon's return is it equal to them?
  swap              pilotctl is replaced under the last agent by each of --swaps ${STANDARD.swaps.join(',')}:
                    when does what it writes then arrive?
  import            the first agent imports --entries ${STANDARD.entries} values of --entry-bytes ${STANDARD.entryBytes} while the
                    others write: do keys grow steadily, and how late are small writes?

Exits with 1 when a write is lost or refused, or when the replicas are not equal in time.
`

const OPTIONS = {
  agents: { type: 'string' },
  rate: { type: 'string' },
  seconds: { type: 'string' },
  loads: { type: 'string' },
  value: { type: 'string' },
  hot: { type: 'boolean', default: false },
  transport: { type: 'string' },
  versions: { type: 'string' },
  settle: { type: 'string' },
  idle: { type: 'string' },
  runs: { type: 'string' },
  interval: { type: 'string' },
  fanout: { type: 'string' },
  built: { type: 'boolean', default: false },
  scenario: { type: 'string' },
  outage: { type: 'string' },
  swaps: { type: 'string' },
  entries: { type: 'string' },
  'entry-bytes': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export interface Options {
  readonly settings: Settings
  /** Settings of each of `--loads`; undefined without that option. */
  readonly loads: readonly Settings[] | undefined
  readonly isJson: boolean
  readonly isHelp: boolean
}

const parseRate = (option: string, text: string): number => {
  const number = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN
  if (number > 0 && number <= MOST_RATE) return number
  throw unusable(option, text, `give writes a second, above 0 to ${MOST_RATE}, like 5 or 0.5`)
}

const parseVersions = (option: string, text: string): string[] =>
  text.split(',').map((version) => {
    if (/^\d+(\.\d+){1,3}$/.test(version)) return version
    throw unusable(option, text, 'give versions of Pilot, like 1.18.0 or 1.7.2,1.18.0')
  })

const parseInterval = (text: string): string => {
  if (/^\d+(ms|s|m)$/.test(text)) return text
  throw unusable('--interval', text, 'give a duration, like 5s')
}

const parseName = <T extends string>(option: string, text: string, names: readonly T[]): T => {
  const [name, more] = parseNames(option, text, names, 'is not usable')
  if (name !== undefined && more === undefined) return name
  throw unusable(option, text, `give one of ${names.join(',')}`)
}

/** Throws a Failure (invalid_argument) for options that do not go together. */
const checkTogether = ({ scenario, transport, isHot, agents }: Settings): void => {
  if (transport === 'mailbox' && (scenario === 'outage' || scenario === 'swap')) {
    throw new Failure(
      'invalid_argument',
      `--scenario "${scenario}" is not usable with --transport "mailbox"`,
      { hint: 'leave --transport out: a mailbox has neither daemon nor pilotctl' },
    )
  }
  if (isHot && scenario !== 'load') {
    throw new Failure('invalid_argument', `--hot means nothing to --scenario "${scenario}"`, {
      hint: 'leave --hot out',
    })
  }
  if (scenario === 'outage' && agents < 3) {
    throw unusable('--agents', `${agents}`, 'give 3 or more: one of them is cut off')
  }
}

/** A load by itself, `AGENTS@RATE` or `AGENTS@RATE:SECONDS`. */
const parseLoad = (text: string): Partial<Settings> => {
  const [, agents, rate, seconds] = /^([^@:]+)@([^@:]+)(?::([^@:]+))?$/.exec(text) ?? []
  if (agents === undefined || rate === undefined) {
    throw unusable('--loads', text, 'give AGENTS@RATE or AGENTS@RATE:SECONDS, like 5@1,20@50:120')
  }
  return {
    agents: parseWhole('--loads', agents, 2, MOST_AGENTS, 'agents, a whole number'),
    rate: parseRate('--loads', rate),
    ...(seconds !== undefined && {
      seconds: parseWhole('--loads', seconds, 1, MOST_SECONDS, 'seconds, a whole number'),
    }),
  }
}

/** Throws a Failure (invalid_argument) for what `--loads` says itself, or what it means nothing to. */
const checkLoads = ({ scenario }: Settings, values: { agents?: string; rate?: string }): void => {
  const { agents, rate } = values
  const [name, text] = agents === undefined ? ['rate', rate] : ['agents', agents]
  if (text !== undefined) {
    throw new Failure('invalid_argument', `--${name} "${text}" does not go with --loads`, {
      hint: 'give agents and writes a second in --loads alone, like 5@1,20@50',
    })
  }
  if (scenario !== 'load') {
    throw new Failure('invalid_argument', `--loads means nothing to --scenario "${scenario}"`, {
      hint: 'leave --loads out',
    })
  }
}

type Whole =
  | 'agents'
  | 'seconds'
  | 'value'
  | 'idle'
  | 'settle'
  | 'runs'
  | 'outage'
  | 'entries'
  | 'entry-bytes'

/** Throws a Failure (invalid_argument) that quotes what is not usable. */
export const parseOptions = (args: readonly string[]): Options => {
  const values = parseWords(args, OPTIONS, 'npm run bench:swarm')
  const whole = (name: Whole, min: number, max: number, otherwise: number): number => {
    const text = values[name]
    return text === undefined ? otherwise : parseWhole(`--${name}`, text, min, max)
  }
  const { rate, versions, swaps, interval, fanout, transport } = values
  const scenario =
    values.scenario === undefined ? 'load' : parseName('--scenario', values.scenario, SCENARIOS)
  const settings: Settings = {
    scenario,
    transport:
      transport === undefined
        ? STANDARD.transport
        : parseName('--transport', transport, TRANSPORTS),
    versions: versions === undefined ? STANDARD.versions : parseVersions('--versions', versions),
    agents: whole('agents', 2, MOST_AGENTS, STANDARD.agents),
    rate: rate === undefined ? RATES[scenario] : parseRate('--rate', rate),
    seconds: whole('seconds', 1, MOST_SECONDS, STANDARD.seconds),
    valueBytes: whole('value', 1, MOST_VALUE, STANDARD.valueBytes),
    isHot: values.hot,
    settleSeconds: whole('settle', 1, MOST_SECONDS, STANDARD.settleSeconds),
    idleSeconds: whole('idle', 1, MOST_SECONDS, STANDARD.idleSeconds),
    runs: whole('runs', 1, MOST_RUNS, STANDARD.runs),
    isBuilt: values.built,
    ...(interval !== undefined && { interval: parseInterval(interval) }),
    ...(fanout !== undefined && { fanout: parseWhole('--fanout', fanout, 1, MOST_AGENTS) }),
    outageSeconds: whole('outage', 1, MOST_SECONDS, STANDARD.outageSeconds),
    swaps: swaps === undefined ? STANDARD.swaps : parseVersions('--swaps', swaps),
    entries: whole('entries', 1, MOST_ENTRIES, STANDARD.entries),
    entryBytes: whole('entry-bytes', 1, MOST_VALUE, STANDARD.entryBytes),
  }
  checkTogether(settings)
  if (values.loads !== undefined) checkLoads(settings, values)
  const loads = values.loads?.split(',').map((text) => ({ ...settings, ...parseLoad(text) }))
  return { settings, loads, isJson: values.json, isHelp: values.help }
}
