/**
 * From arguments to an exit code: 0, 1 for a wrong answer or a server that does not start, 2 for an
 * invalid option, 130 for an interrupt. Sections that were measured before are printed in any case.
 *
 * ```ts
 * process.exitCode = await main(['--only', 'typing', '--loads', '30'], streams, signal)
 * ```
 */
import { setMaxListeners } from 'node:events'
import {
  COMMON,
  flag,
  listOf,
  oneOf,
  parseOptions,
  type Streams,
  showOptions,
  whole,
} from '../runner/command-line.ts'
import { exitCodeOf } from '../runner/exit-code.ts'
import { showMachine } from '../runner/machine.ts'
import { toLine } from '../runner/result.ts'
import { table } from '../runner/table.ts'
import { benchSide } from './bench.ts'
import { MAPS } from './maps.ts'
import { PROVIDERS } from './provider.ts'
import type { SideSection } from './section.ts'
import { sideRows } from './table.ts'
import { TYPING } from './typing.ts'

const MAX_RUNS = 20
const MAX_SECONDS = 600
/** Loads: of clients at most what one room of the bridge serves. */
const MAX_LOAD = 100

const SECTIONS = [TYPING, PROVIDERS, MAPS]
const NAMES = SECTIONS.map(({ name }) => name)

const STANDARD = { runs: 3, seconds: 10, only: NAMES }

const OPTIONS = {
  only: listOf(oneOf(NAMES, 'sections')),
  runs: whole(1, MAX_RUNS, 'runs; the participants take turns in each'),
  seconds: whole(1, MAX_SECONDS, 'of each measurement'),
  loads: listOf(whole(1, MAX_LOAD, 'loads instead of those of the sections')),
  isBuilt: flag('our programs from dist (npm run build) instead of from the sources', 'built'),
  ...COMMON,
} as const

const HELP = `npm run bench:side -- [options]

pilot-gossip beside what does the same, each in a process of its own on loopback, in turn:
  typing    clients type into one document: the bridge, the stock y-websocket server, Hocuspocus
  provider  two programs type into one document: our provider, y-websocket
  maps      two processes share a map: our agents, Redis, NATS JetStream

${showOptions(OPTIONS, STANDARD)}`

const showSection = (section: SideSection): string =>
  `\n${section.name}\n${table(sideRows(section))}${section.leftOut
    .map(({ name, reason }) => `left out: ${name}: ${reason}\n`)
    .join('')}`

const run = async (args: readonly string[], streams: Streams, signal: AbortSignal) => {
  const given = parseOptions(OPTIONS, args, 'npm run bench:side')
  const {
    only,
    runs,
    seconds,
    loads,
    isBuilt = false,
    json = false,
    help,
  } = {
    ...STANDARD,
    ...given,
  }
  if (help) {
    streams.out(HELP)
    return
  }
  setMaxListeners(0, signal) // one listener for each child
  const { progress } = streams
  const result = await benchSide(
    SECTIONS.filter(({ name }) => only.includes(name)),
    {
      runs,
      seconds,
      loads,
      isBuilt,
      signal,
      ...(progress && { progress }),
      ...(!json && { onSection: (section) => streams.out(showSection(section)) }),
    },
  )
  if (json) streams.out(toLine(result))
  else streams.out(`\n${showMachine(result.machine)} before\n`)
}

export const main = (
  args: readonly string[],
  streams: Streams,
  signal: AbortSignal,
): Promise<number> =>
  exitCodeOf(() => run(args, streams, signal), { program: 'bench:side', args, streams, signal })
