/**
 * From arguments to an exit code: 0, 1 for a wrong answer or a short run beyond its limits, 2 for an
 * invalid option. Failures go to standard error. A short run beyond its limits prints its figures,
 * too.
 *
 * ```ts
 * process.exitCode = main(['--quick', '--json'], streams)
 * parse(['--nodes', '200', '--loss', '0.3']).settings.losses      // [0.3]
 * ```
 */
import { Failure } from '../../src/errors.ts'
import {
  COMMON,
  flag,
  invalidOption,
  listOf,
  type Option,
  oneOf,
  option,
  parseOptions,
  reportFailure,
  type Streams,
  showOptions,
  whole,
} from '../runner/command-line.ts'
import { toLine } from '../runner/result.ts'
import { comparePlans, PLANS } from './compare.ts'
import { showCost, showPlans, showResult } from './report.ts'
import { QUICK, SECTIONS, type Settings, STANDARD, VIEW } from './settings.ts'
import { simulate } from './simulate.ts'
import type { Verdict } from './verdicts.ts'

/** Each takes about 40 kB with the default view. */
const MAX_NODES = 20_000

/** Characters: 1 MB. Each node keeps a copy. */
const MAX_SIZE = 1_000_000

const MAX_WRITERS = 100_000
const MAX_SEEDS = 1_000
const MAX_WRITES = 100
const MAX_LATENCY_MS = 60_000
const MAX_SHARE = 0.9

const share = (help: string, name?: string): Option<number> => {
  const read = (text: string) => {
    const number = /^(\d+(\.\d{1,9})?|\.\d{1,9})$/.test(text) ? Number(text) : Number.NaN
    return number <= MAX_SHARE ? number : undefined
  }
  return option('SHARE', help, `a share from 0 to ${MAX_SHARE}, like 0.1`, read, name)
}

type Pair = readonly [number, number]

const latency = option(
  'A-Bms',
  'shortest and longest delay of a message',
  `a shortest and a longest delay up to ${MAX_LATENCY_MS} ms, like 10-50ms`,
  (text): Pair | undefined => {
    const [, min, max] = /^(\d{1,9})-(\d{1,9})(?:ms)?$/.exec(text) ?? []
    const pair = [Number(min), Number(max)] as const
    return pair[0] <= pair[1] && pair[1] <= MAX_LATENCY_MS ? pair : undefined
  },
)

const partition = option(
  'A+B',
  'shares of the swarm that cannot reach each other for 30 s',
  'two shares, like 3+2 for 60 % and 40 %',
  (text): Pair | undefined => {
    const [, a, b] = /^([1-9]\d{0,5})\+([1-9]\d{0,5})$/.exec(text) ?? []
    return a !== undefined && b !== undefined ? [Number(a), Number(b)] : undefined
  },
)

/** The options that depend on no other one; the keys are those of the settings. */
const OPTIONS = {
  nodes: whole(2, MAX_NODES, `2 to ${MAX_NODES}`),
  fanout: whole(1, MAX_NODES, 'peers of a push'),
  digestFanout: whole(
    0,
    MAX_NODES,
    'peers that get the digest 250 ms later; 0: none',
    'digest-fanout',
  ),
  losses: listOf(
    share(`shares of lost messages, 0 to ${MAX_SHARE}: all is measured for each`, 'loss'),
  ),
  latency,
  sizes: listOf(whole(0, MAX_SIZE, 'characters of the written value', 'bytes')),
  partition,
  churn: share('share of the nodes that are down for 30 s'),
  writers: whole(0, MAX_WRITERS, 'past writers of the document'),
  view: whole(1, MAX_NODES, 'peers each node knows, and that know it: 200 bytes each'),
  writes: whole(1, MAX_WRITES, 'measured writes in each swarm'),
  seeds: whole(1, MAX_SEEDS, 'swarms, each with the next seed; figures are medians'),
  seed: whole(0, 2 ** 31, 'of the first swarm'),
  sections: { ...listOf(oneOf(SECTIONS, 'sections')), name: 'only' },
  dissemination: oneOf(PLANS, 'how a change spreads'),
  plans: flag(
    'compare both ways to spread a change under many conditions: with --nodes, or in 100 and 1,000 nodes',
  ),
  quick: flag(
    `for tests: --nodes ${QUICK.nodes} --only ${QUICK.sections}; a count beyond its limit ends it with 1`,
  ),
  ...COMMON,
} as const

const DEFAULTS = { ...STANDARD, latency: '10-50ms', partition: '3+2' }

const HELP = `npm run simulate -- [options]

A swarm in virtual time: the gossip core of the agent on an unreliable network. The same options
give the same figures on every machine.

${showOptions(OPTIONS, DEFAULTS)}
A run with the defaults takes 4 minutes of one core; --only makes it shorter. 10,000 nodes and one
write take some 75 seconds and 2.7 GB:
  npm run simulate -- --nodes 10000 --only write --loss 0 --bytes 20 --seeds 1 --writes 1
`

export interface Options {
  readonly settings: Settings
  readonly isQuick: boolean
  /** Only compares the ways to spread a change: in that many nodes, or in several swarms. */
  readonly plans: { readonly nodes: number | undefined } | undefined
  readonly isJson: boolean
  readonly isHelp: boolean
}

/** Throws a Failure (invalid_argument) that quotes the invalid option. */
export const parse = (args: readonly string[]): Options => {
  const { quick, json, help, plans, ...given } = parseOptions(OPTIONS, args, 'npm run simulate')
  const standard = quick ? QUICK : STANDARD
  const others = (given.nodes ?? standard.nodes) - 1
  // A small swarm has fewer peers than the defaults; asking for more than there are is an error.
  const { fanout, digestFanout } = standard
  const peers = { view: VIEW, fanout, digestFanout }
  for (const name of ['view', 'fanout', 'digestFanout'] as const) {
    peers[name] = Math.min(peers[name], others)
    const word = name === 'digestFanout' ? 'digest-fanout' : name
    if ((given[name] ?? 0) > others)
      throw invalidOption(`--${word}`, `${given[name]}`, `a whole number from 1 to ${others}`)
  }
  const settings = { ...standard, ...peers, ...given }
  return {
    settings,
    plans: plans ? { nodes: given.nodes } : undefined,
    isQuick: quick ?? false,
    isJson: json ?? false,
    isHelp: help ?? false,
  }
}

/** Throws a Failure (internal) that names each figure beyond its limit. */
const checkLimits = (verdicts: readonly Verdict[]): void => {
  const beyond = verdicts
    .filter(({ isWithinLimit }) => !isWithinLimit)
    .map(({ name, of, value, limit }) => `${name} (${of}): ${value}, at most ${limit}`)
  if (beyond.length === 0) return
  throw new Failure('internal', `beyond limits: ${beyond.join('; ')}`, {
    hint: 'replay it with the same options and --seed; limits are in bench/simulate/verdicts.ts',
  })
}

const run = (args: readonly string[], streams: Streams): void => {
  const { settings, plans, isQuick, isJson, isHelp } = parse(args)
  if (isHelp) {
    streams.out(HELP)
    return
  }
  const start = process.cpuUsage()
  const cost = () => showCost(process.cpuUsage(start), process.resourceUsage())
  if (plans) {
    const compared = comparePlans(settings, plans.nodes, streams.progress)
    streams.out(isJson ? toLine(compared) : `${showPlans(compared)}${cost()}`)
    return
  }
  const result = simulate(settings, streams.progress)
  streams.out(isJson ? toLine(result) : `${showResult(result)}${cost()}`)
  if (isQuick) checkLimits(result.verdicts)
}

export const main = (args: readonly string[], streams: Streams): number => {
  try {
    run(args, streams)
    return 0
  } catch (error) {
    return reportFailure(error, 'simulate', args, streams)
  }
}
