/**
 * What an agent of the built program costs while nothing happens: it has a few keys and one peer,
 * over a mailbox. Linux only, since the figures come from `/proc`.
 *
 * ```ts
 * await measureIdle({ warmUpMs: 20_000, ms: 60_000 })
 * // { cpuMsPerSecond: 0.8, wakeupsPerSecond: 4, rssMb: 62, baseRssMb: 41 }
 * ```
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Failure } from '../../src/errors.ts'
import { inFolder } from '../../test/helpers/folder.ts'
import { until } from '../../test/helpers/until.ts'
import { sumOf } from '../runner/stats.ts'
import { endChild, firstOutput, spawnNode, startAgent } from './built.ts'

/** Keys of the document. */
const KEYS = 10

/** Of the key of one agent to be seen at the other one, in milliseconds. */
const SPREAD_MS = 30_000

/** A process that can be reached, and does nothing else. */
const SERVER = `require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))`

export interface IdleOptions {
  /** An existing folder for temporary ones. */
  readonly dir?: string
  /** Milliseconds after the last write that do not count. */
  readonly warmUpMs: number
  /** Milliseconds that are measured. */
  readonly ms: number
}

export interface IdleCost {
  /** Milliseconds of processor time in each second, of all threads. */
  readonly cpuMsPerSecond: number
  /** How often a thread gave up the processor by itself, which it does before it is woken. */
  readonly wakeupsPerSecond: number
  /** Megabytes (10^6 bytes) that are resident, of the agent and of a bare node that listens. */
  readonly rssMb: number
  readonly baseRssMb: number
}

interface Reading {
  readonly at: number
  readonly cpuMs: number
  readonly switches: number
}

const read = (pid: number): Reading => {
  const tasks = readdirSync(`/proc/${pid}/task`).map((id) => `/proc/${pid}/task/${id}`)
  const field = (task: string, name: RegExp): number =>
    Number(name.exec(readFileSync(`${task}/status`, 'utf8'))?.[1])
  return {
    at: performance.now(),
    // The first field is nanoseconds; that of `stat` has steps of 10 ms.
    cpuMs:
      sumOf(tasks.map((task) => Number(readFileSync(`${task}/schedstat`, 'utf8').split(' ')[0]))) /
      1e6,
    switches: sumOf(tasks.map((task) => field(task, /^voluntary_ctxt_switches:\s*(\d+)/m))),
  }
}

const rssMbOf = (pid: number): number => {
  const kb = Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  return (kb * 1024) / 1e6
}

const baseRssMb = async (dir: string): Promise<number> => {
  const server = spawnNode(['-e', SERVER, `${dir}/s`])
  try {
    await firstOutput(server)
    await setTimeout(1_000)
    return rssMbOf(server.pid!)
  } finally {
    await endChild(server)
  }
}

const measure = async (dir: string, { warmUpMs, ms }: IdleOptions): Promise<IdleCost> => {
  const base = await baseRssMb(dir)
  const agent = await startAgent(dir, 'a')
  const peer = await startAgent(dir, 'b')
  try {
    for (let key = 0; key < KEYS; key++) agent.ask('set', `k${key}`, `${key}`)
    const last = `k${KEYS - 1}`
    const spread = () => peer.ask('keys').split('\n').includes(last)
    await until('the peer to have the keys', spread, SPREAD_MS)
    await setTimeout(warmUpMs)
    const before = read(agent.pid)
    await setTimeout(ms)
    const after = read(agent.pid)
    const seconds = (after.at - before.at) / 1000
    const rssMb = rssMbOf(agent.pid)
    const value = agent.ask('get', last)
    if (value !== `${KEYS - 1}\n`)
      throw new Failure('internal', `wrong answer: ${last} is ${value} after the idle time`)
    return {
      cpuMsPerSecond: (after.cpuMs - before.cpuMs) / seconds,
      wakeupsPerSecond: (after.switches - before.switches) / seconds,
      rssMb,
      baseRssMb: base,
    }
  } finally {
    await agent.stop()
    await peer.stop()
  }
}

/** Null on systems without `/proc`. */
export const measureIdle = async (options: IdleOptions): Promise<IdleCost | null> =>
  process.platform === 'linux' ? inFolder((dir) => measure(dir, options), options.dir) : null
