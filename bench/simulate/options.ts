/**
 * The words of the command line: what they may be, and the settings that they make.
 *
 * ```ts
 * parseOptions(['--nodes', '200', '--loss', '0.3']).settings.losses      // [0.3]
 * ```
 */
import { parseNames, parseWhole, parseWords, unusable } from '../runner/command-line.ts'
import { QUICK, SECTIONS, type Settings, STANDARD, VIEW } from './settings.ts'

/** Nodes. Each takes about 40 kB with the default view. */
const MOST_NODES = 20_000

/** Characters: 1 MB. Each node keeps a copy. */
const MOST_SIZE = 1_000_000

const MOST_WRITERS = 100_000
const MOST_SEEDS = 1_000
const MOST_WRITES = 100

/** Milliseconds. */
const MOST_LATENCY = 60_000

export const HELP = `npm run simulate -- [options]

A swarm in virtual time: the gossip core of the agent, on a network as bad as you like. The same
options give the same figures on every machine.

  --nodes N         2 to ${MOST_NODES}  (default ${STANDARD.nodes})
  --fanout N        peers a push goes to  (default ${STANDARD.fanout})
  --echo N          peers the digest goes to 250 ms later; 0: none  (default ${STANDARD.echo})
  --loss LIST       shares of messages that never arrive, 0 to 0.9: all is done for each  (default ${STANDARD.losses})
  --latency A-Bms   shortest and longest way of a message  (default ${STANDARD.latency.join('-')}ms)
  --bytes LIST      characters of the value that is written  (default ${STANDARD.sizes})
  --partition A+B   shares of the swarm that do not hear each other for 30 s  (default ${STANDARD.partition.join('+')})
  --churn SHARE     share of the nodes that are down for 30 s  (default ${STANDARD.churn})
  --writers N       writers in the document before  (default ${STANDARD.writers})
  --view N          peers each node knows, and that know it  (default: nodes - 1, at most ${VIEW}); real agents come
                    to know everybody, here nodes x peers must fit into memory, 200 bytes each
  --writes N        writes measured in each swarm  (default ${STANDARD.writes})
  --seeds N         swarms, each with the next seed; figures are medians  (default ${STANDARD.seeds})
  --seed N          of the first of them  (default ${STANDARD.seed})
  --only LIST       some of ${SECTIONS.join(',')}  (default all)
  --quick           for tests: --nodes ${QUICK.nodes} --only ${QUICK.sections.join(',')}; exits with 1 when a
                    count (rounds, reach, messages, copies) leaves its limit
  --json            one line of JSON: {"status":"ok","data":{...}}
  --help            this text

A run with the defaults takes 4 minutes of one core: progress is shown, and --only makes it shorter.
10,000 nodes and one write take half a minute and 0.8 GB:
  npm run simulate -- --nodes 10000 --only write --loss 0 --bytes 20 --seeds 1 --writes 1
`

const OPTIONS = {
  nodes: { type: 'string' },
  fanout: { type: 'string' },
  echo: { type: 'string' },
  loss: { type: 'string' },
  latency: { type: 'string' },
  bytes: { type: 'string' },
  partition: { type: 'string' },
  churn: { type: 'string' },
  writers: { type: 'string' },
  view: { type: 'string' },
  writes: { type: 'string' },
  seeds: { type: 'string' },
  seed: { type: 'string' },
  only: { type: 'string' },
  quick: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

export interface Options {
  readonly settings: Settings
  readonly isQuick: boolean
  readonly isJson: boolean
  readonly isHelp: boolean
}

const parseShare = (option: string, text: string, max: number): number => {
  const number = /^(\d+(\.\d{1,9})?|\.\d{1,9})$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw unusable(option, text, `give shares from 0 to ${max}, like 0.1`)
}

const parseLatency = (text: string): readonly [number, number] => {
  const [, min, max] = /^(\d{1,9})-(\d{1,9})(?:ms)?$/.exec(text) ?? []
  const latency = [Number(min), Number(max)] as const
  if (latency[0] <= latency[1] && latency[1] <= MOST_LATENCY) return latency
  throw unusable(
    '--latency',
    text,
    `give shortest and longest, up to ${MOST_LATENCY} ms, like 10-50ms`,
  )
}

const parsePartition = (text: string): readonly [number, number] => {
  const [, a, b] = /^([1-9]\d{0,5})\+([1-9]\d{0,5})$/.exec(text) ?? []
  if (a !== undefined && b !== undefined) return [Number(a), Number(b)]
  throw unusable('--partition', text, 'give two shares, like 3+2 for 60 % and 40 %')
}

/** Throws a Failure (invalid_argument) that quotes what is not usable. */
export const parseOptions = (args: readonly string[]): Options => {
  const { quick, json, help, only, latency, partition, loss, bytes, churn, ...counts } = parseWords(
    args,
    OPTIONS,
    'npm run simulate',
  )
  const standard = quick ? QUICK : STANDARD
  const count = (name: keyof typeof counts, min: number, max: number, otherwise: number): number =>
    counts[name] === undefined ? otherwise : parseWhole(`--${name}`, counts[name], min, max)
  const nodes = count('nodes', 2, MOST_NODES, standard.nodes)
  const others = nodes - 1
  const settings: Settings = {
    sections:
      only === undefined
        ? standard.sections
        : parseNames('--only', only, SECTIONS, 'is not usable'),
    nodes,
    view: count('view', 1, others, Math.min(others, VIEW)),
    fanout: count('fanout', 1, others, Math.min(others, standard.fanout)),
    echo: count('echo', 0, others, Math.min(others, standard.echo)),
    losses: loss?.split(',').map((one) => parseShare('--loss', one, 0.9)) ?? standard.losses,
    latency: latency === undefined ? standard.latency : parseLatency(latency),
    sizes:
      bytes?.split(',').map((size) => parseWhole('--bytes', size, 0, MOST_SIZE)) ?? standard.sizes,
    writers: count('writers', 0, MOST_WRITERS, standard.writers),
    partition: partition === undefined ? standard.partition : parsePartition(partition),
    churn: churn === undefined ? standard.churn : parseShare('--churn', churn, 0.9),
    seed: count('seed', 0, 2 ** 31, standard.seed),
    seeds: count('seeds', 1, MOST_SEEDS, standard.seeds),
    writes: count('writes', 1, MOST_WRITES, standard.writes),
  }
  return { settings, isQuick: quick, isJson: json, isHelp: help }
}
