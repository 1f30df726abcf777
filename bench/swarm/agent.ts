/**
 * One agent as users have it: a process of the command line with a data folder of its own.
 *
 * ```ts
 * const agent = await Agent.start(place, { swarm: 'bench', peer: '0:0000.0000.0001' })
 * await agent.client.ask({ command: 'get', key: 'k' })
 * await agent.stop()
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentStatus } from '../../src/agent/status.ts'
import { ControlClient } from '../../src/control/client.ts'
import { Failure } from '../../src/errors.ts'
import type { Place } from './world.ts'

/** Until an agent is ready: a second from sources, but twenty may start at once. */
const START_TIMEOUT_MS = 120_000
/** Until an agent stops by itself: its last push may wait for a peer that is gone. */
const STOP_TIMEOUT_MS = 10_000
/** Characters of an agent's output that a failure quotes. */
const MAX_WORDS = 2_000

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BUILT = join(ROOT, 'dist', 'src', 'bin.js')
const SOURCE = join(ROOT, 'src', 'bin.ts')

export interface AgentOptions {
  readonly swarm: string
  /** The only peer that it is given; the first agent has none. */
  readonly peer?: string | undefined
  readonly isBuilt?: boolean
  readonly interval?: string | undefined
  readonly fanout?: number | undefined
  readonly pilotctl?: string | undefined
  /** Kills it. */
  readonly signal?: AbortSignal
}

/** The end of this process kills running agents. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) killGroup(child)
})

/** Each agent leads a process group: what it started ends with it. */
const killGroup = ({ pid }: ChildProcess): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // already ended
  }
}

const argsOf = (place: Place, options: AgentOptions): string[] => {
  const { swarm, isBuilt = false, peer, interval, fanout, pilotctl } = options
  if (isBuilt && !existsSync(BUILT))
    throw new Failure('not_found', `"${BUILT}" does not exist`, { hint: 'run: npm run build' })
  const given = Object.entries({ peer, interval, fanout, pilotctl })
  return [
    ...(isBuilt ? [BUILT] : ['--import', 'tsx', SOURCE]),
    ...['run', '--swarm', swarm, '--data', place.data, ...place.transport, '--json'],
    ...given.flatMap(([name, value]) => (value === undefined ? [] : `--${name}=${value}`)),
  ]
}

/** The warning in a line of standard error; undefined for other lines. */
const warningOf = (line: string): { readonly code: string; readonly count: number } | undefined => {
  try {
    const { status, code, count } = JSON.parse(line)
    return status === 'warning' ? { code: String(code), count: Number(count) } : undefined
  } catch {
    return undefined // not JSON: a failure quotes it
  }
}

export class Agent {
  readonly place: Place
  readonly client: ControlClient
  /** Its warnings by code. */
  readonly problems = new Map<string, number>()
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  #isWanted = true
  /** Standard error: an unfinished line, and the last lines that are not warnings. */
  #rest = ''
  #words = ''

  private constructor(place: Place, child: ChildProcess) {
    this.place = place
    this.client = new ControlClient(place.data)
    this.#child = child
    running.add(child)
    this.#ended = once(child, 'exit')
      .catch(() => undefined) // it did not start
      .finally(() => running.delete(child))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
  }

  /** Resolves when the agent is ready; rejects with what it printed if it ends. */
  static async start(place: Place, options: AgentOptions): Promise<Agent> {
    const child = spawn(process.execPath, argsOf(place, options), {
      cwd: ROOT,
      env: place.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    const agent = new Agent(place, child)
    const { signal } = options
    const kill = (): void => killGroup(child)
    signal?.addEventListener('abort', kill, { once: true })
    void agent.#ended.then(() => signal?.removeEventListener('abort', kill))
    if (signal?.aborted) kill()
    await agent.#ready()
    return agent
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** The failure that ended it early. */
  get failure(): Failure | undefined {
    return this.#isWanted && !running.has(this.#child) ? this.#failureOf() : undefined
  }

  async status(): Promise<AgentStatus> {
    return (await this.client.ask({ command: 'status' })) as unknown as AgentStatus
  }

  /** Asks it to stop, and kills it if that takes too long. */
  async stop(): Promise<void> {
    this.#isWanted = false
    const timer = setTimeout(() => killGroup(this.#child), STOP_TIMEOUT_MS)
    this.#child.kill('SIGTERM')
    await this.#ended
    clearTimeout(timer)
    killGroup(this.#child)
  }

  /** A ready agent prints a line. */
  async #ready(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(this.#failureOf('is not ready')), START_TIMEOUT_MS)
        this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          if (text.includes('\n')) resolve()
        })
        void this.#ended.then(() => reject(this.#failureOf()))
      })
    } catch (error) {
      killGroup(this.#child)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #failureOf(what = `ended with code ${this.#child.exitCode ?? this.#child.signalCode}`): Failure {
    return new Failure('not_running', `the agent "${this.place.name}" ${what}`, {
      hint: `see its output: ${`${this.#words}${this.#rest}`.trim() || 'none'}`,
    })
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const warning = warningOf(line)
      if (warning === undefined) this.#words = `${this.#words}${line}\n`.slice(-MAX_WORDS)
      else this.problems.set(warning.code, (this.problems.get(warning.code) ?? 0) + warning.count)
    }
  }
}
