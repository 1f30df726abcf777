/**
 * One agent as its users have it: a process of the command line, with a data folder of its own.
 *
 * ```ts
 * const agent = await Agent.start(place, { swarm: 'bench', peer: '0:0000.0000.0001' })
 * await agent.client.ask({ command: 'get', key: 'k' })
 * await agent.stop()
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentStatus } from '../../src/agent/status.ts'
import { ControlClient } from '../../src/control/client.ts'
import { Failure } from '../../src/errors.ts'
import type { Place } from './world.ts'

/** Milliseconds for an agent to say that it is ready: a second from sources; twenty start at once. */
const START_TIMEOUT = 120_000
/** Milliseconds that an agent has to stop by itself: its last push may wait for a peer that is gone. */
const STOP_TIMEOUT = 10_000
/** Characters of what an agent printed that a failure quotes. */
const LAST_WORDS = 2_000

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const BUILT = join(ROOT, 'dist', 'src', 'bin.js')
const SOURCE = join(ROOT, 'src', 'bin.ts')

export interface AgentOptions {
  readonly swarm: string
  /** The one peer that it is given; the first agent has none. */
  readonly peer?: string
  readonly isBuilt?: boolean
  readonly interval?: string
  readonly fanout?: number
  readonly pilotctl?: string
  /** Kills it, whatever it does. */
  readonly signal?: AbortSignal
}

/** Agents that run; the end of this process ends them. */
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) killGroup(child)
})

/** Each agent leads a group of its own: what it has started ends with it. */
const killGroup = ({ pid }: ChildProcess): void => {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error // all have ended
  }
}

const programOf = (isBuilt: boolean): string[] => {
  if (!isBuilt) return ['--import', 'tsx', SOURCE]
  if (existsSync(BUILT)) return [BUILT]
  throw new Failure('not_found', `there is no "${BUILT}"`, { hint: 'run: npm run build' })
}

const argsOf = (place: Place, options: AgentOptions): string[] => {
  const { swarm, peer, interval, fanout, pilotctl } = options
  const given = { peer, interval, fanout, pilotctl }
  return [
    ...['run', '--swarm', swarm, '--data', place.data, ...place.transport, '--json'],
    ...Object.entries(given)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `--${name}=${value}`),
  ]
}

interface Warning {
  readonly code: string
  readonly count: number
}

/** The warning of a line on standard error; undefined for other lines. */
const warningOf = (line: string): Warning | undefined => {
  try {
    const { status, code, count } = JSON.parse(line)
    return status === 'warning' ? { code: String(code), count: Number(count) } : undefined
  } catch {
    return undefined // not JSON: it is among the last words when the agent ends
  }
}

export class Agent {
  readonly place: Place
  readonly client: ControlClient
  /** Troubles it has told of, by code. */
  readonly problems = new Map<string, number>()
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #isWanted = true
  #out = ''
  /** Of standard error: a line that has no end yet, and the last lines that are no warnings. */
  #rest = ''
  #words = ''

  private constructor(place: Place, child: ChildProcess) {
    this.place = place
    this.client = new ControlClient(place.data)
    this.#child = child
    running.add(child)
    this.#ended = new Promise((resolve) => {
      const onEnd = (): void => {
        running.delete(child)
        resolve()
      }
      child.once('exit', onEnd)
      child.once('error', onEnd)
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
  }

  /** Resolves when the agent has said that it is ready; rejects with what it said before it ended. */
  static async start(place: Place, options: AgentOptions): Promise<Agent> {
    const args = [...programOf(options.isBuilt ?? false), ...argsOf(place, options)]
    const child = spawn(process.execPath, args, {
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

  /** The failure that ended it before it was to stop. */
  get failure(): Failure | undefined {
    return this.#isWanted && !running.has(this.#child) ? this.#hasEnded() : undefined
  }

  async status(): Promise<AgentStatus> {
    return (await this.client.ask({ command: 'status' })) as unknown as AgentStatus
  }

  /** In good order, or by force where that takes too long. */
  async stop(): Promise<void> {
    this.#isWanted = false
    const impatient = setTimeout(() => killGroup(this.#child), STOP_TIMEOUT)
    this.#child.kill('SIGTERM')
    await this.#ended
    clearTimeout(impatient)
    killGroup(this.#child)
  }

  async #ready(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(this.#hasEnded('is not ready')), START_TIMEOUT)
        this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
          this.#out += text
          if (this.#out.includes('\n')) resolve()
        })
        void this.#ended.then(() => reject(this.#hasEnded()))
      })
    } catch (error) {
      killGroup(this.#child)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #hasEnded(what = `ended with code ${this.#child.exitCode ?? this.#child.signalCode}`): Failure {
    return new Failure('not_running', `the agent "${this.place.name}" ${what}`, {
      hint: `see what it printed: ${`${this.#words}${this.#rest}`.trim() || 'nothing'}`,
    })
  }

  #take(text: string): void {
    const lines = `${this.#rest}${text}`.split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const warning = warningOf(line)
      if (warning === undefined) this.#words = `${this.#words}${line}\n`.slice(-LAST_WORDS)
      else this.problems.set(warning.code, (this.problems.get(warning.code) ?? 0) + warning.count)
    }
  }
}
