/**
 * The command `demo`: shows a swarm in one process as it works, then proves that it lost no write,
 * beside the result of the seed's scalar rule for the same writes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DemoResult, Frame } from '../demo/index.ts'
import { Failure } from '../errors.ts'
import type { Io } from './io.ts'
import { type Context, report } from './report.ts'
import { styler, table } from './text.ts'

/** Milliseconds for each frame on a terminal: the whole run takes some six seconds. */
const FRAME_MS = 60

/** Without a terminal, one of so many frames is printed. */
const FRAMES_PER_LINE = 16

const BAR = 20

interface Options {
  readonly agents?: string
  readonly writes?: string
  readonly loss?: string
  readonly seed?: string
}

const number = (text: string, name: string, least: number, most: number): number => {
  const value = Number(text)
  if (text.trim() !== '' && value >= least && value <= most) return value
  throw new Failure(
    'invalid_argument',
    `--${name} is "${text}", not a number from ${least} to ${most}`,
  )
}

const whole = (text: string, name: string, least: number, most: number): number => {
  const value = number(text, name, least, most)
  if (Number.isInteger(value)) return value
  throw new Failure('invalid_argument', `--${name} is "${text}", not a whole number`)
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`
/** At most one digit after the point: 0.07 * 100 is more than 7. */
const percent = (share: number): string => `${Math.round(share * 1_000) / 10} %`
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

const bar = (share: number): string => {
  const full = Math.round(share * BAR)
  return '█'.repeat(full) + '░'.repeat(BAR - full)
}

const headOf = ({ now, writes, rounds, isSplit, isWriting }: Frame, loss: number): string => {
  const network = isSplit ? 'split in two' : 'whole'
  const what = isWriting ? 'all write at once' : 'nobody writes any more'
  return `${seconds(now).padStart(7)}  round ${rounds}  ${writes} writes  ${what}; network ${network}, ${percent(loss)} lost`
}

const picture = (frame: Frame, loss: number, width: number): string => {
  const rows = frame.agents.map(({ name, keys, share, bytesSent, digest }) => [
    name,
    bar(share),
    `${Math.floor(share * 100)} %`.padStart(5),
    String(keys).padStart(4),
    kilobytes(bytesSent).padStart(7),
    digest.slice(0, 8),
  ])
  const names = ['AGENT', 'HAS HEARD OF', 'WRITES', 'KEYS', 'SENT', 'STATE']
  return `${headOf(frame, loss)}\n${table(names, rows, { width })}`
}

const proofOf = (result: DemoResult, io: Io): string => {
  const style = styler(io.hasColors)
  const { agents, writes, scalar } = result
  const good = (ok: boolean, text: string) => style(ok ? 'green' : 'red', text)
  const rows = [
    ['pilot-gossip', result.converged ? 'yes' : 'no', String(result.lost), kilobytes(result.bytes)],
    [
      "the seed's rule",
      scalar.converged ? 'yes' : 'no',
      String(scalar.lost),
      kilobytes(scalar.bytes),
    ],
  ]
  const proof = result.converged
    ? `All ${agents} replicas are equal: digest ${result.digest}, ${result.keys} keys, ${seconds(result.convergedAfter)} after the last write.`
    : `The ${agents} replicas are NOT equal.`
  const loss =
    result.lost === 0
      ? `No write is lost: each of the ${writes} is there, or was overwritten by one that came after it or beside it.`
      : `${result.lost} writes ARE LOST.`
  return [
    good(result.converged, proof),
    good(result.lost === 0, loss),
    '',
    `${table(['THE SAME WRITES, THE SAME NETWORK', 'EQUAL', 'LOST', 'SENT'], rows)}`,
    style('dim', `to see this run again: pilot-gossip demo --seed ${result.seed}`),
    '',
  ].join('\n')
}

const show = async (frames: Iterable<Frame>, loss: number, io: Io): Promise<void> => {
  let lines = 0
  let count = 0
  let last: Frame | undefined
  for (const frame of frames) {
    last = frame
    if (io.isTerminal) {
      const text = picture(frame, loss, io.columns)
      // Overwrites the last frame.
      io.out(`${lines > 0 ? `\x1b[${lines}A\x1b[J` : ''}${text}`)
      lines = text.split('\n').length - 1
      await sleep(FRAME_MS)
    } else if (count++ % FRAMES_PER_LINE === 0) {
      const least = Math.min(...frame.agents.map(({ share }) => share))
      io.out(`${headOf(frame, loss)}; all have ${Math.floor(least * 100)} %\n`)
    }
  }
  if (!io.isTerminal && last) io.out(`\n${picture(last, loss, io.columns)}`)
  io.out('\n')
}

export const demo = async (
  { io, isJson }: Context,
  _args: readonly string[],
  options: Options,
): Promise<void> => {
  const { DEMO_DEFAULTS, runDemo } = await import('../demo/index.ts')
  const agents = whole(options.agents ?? String(DEMO_DEFAULTS.agents), 'agents', 2, 200)
  const writes = whole(options.writes ?? String(DEMO_DEFAULTS.writes), 'writes', 1, 100_000)
  const loss = number(options.loss ?? String(DEMO_DEFAULTS.loss), 'loss', 0, 0.9)
  const seed =
    options.seed === undefined
      ? Math.floor(Math.random() * 1_000_000)
      : whole(options.seed, 'seed', 0, 2 ** 32 - 1)
  const { frames, result } = runDemo({ agents, writes, loss, seed })
  if (isJson) for (const _ of frames);
  else await show(frames, loss, io)
  const data = result()
  report({ io, isJson }, data, () => proofOf(data, io))
  if (!data.converged || data.lost > 0) {
    throw new Failure('internal', `the demo failed with seed ${seed}`, {
      hint: 'this is a defect: please report it with the seed',
    })
  }
}
