/**
 * One measured stretch of a crew: writes and watches, counts before and after, and the check of the
 * answer at its end. Scenarios decide what happens between.
 *
 * ```ts
 * const measurement = await Measurement.begin(crew, settings, signal)
 * await measurement.load()
 * const run = await measurement.end()
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'
import type { ControlClient } from '../../src/control/client.ts'
import { quantilesOf } from '../runner/stats.ts'
import { type Load, pauseUntil, runLoad, within } from './clock.ts'
import type { Crew } from './crew.ts'
import { acknowledgementsOf, Journal, lagsOf, MAP, type Write } from './journal.ts'
import { readUsage, type Usage, usedSince } from './processor.ts'
import type { Measured } from './result.ts'
import { Sampler } from './samples.ts'
import type { Settings } from './settings.ts'
import { trafficOf } from './traffic.ts'
import { watchAll } from './watcher.ts'
import type { Place } from './world.ts'
import { Writer } from './writer.ts'

/** Until the last changes are shown and all inboxes are empty, once all replicas are equal. */
const LAST_TIMEOUT_MS = 10_000
/** After that, for the agents' timers: what they do after a change is part of its cost. */
const LAST_PAUSE_MS = 1_000

/** An agent, as far as `findLost` needs it. */
interface Holder {
  readonly client: ControlClient
  readonly place: Pick<Place, 'name'>
}

/** `AGENT KEY` for each key that is missing or wrong. One agent after another: their answers may be long. */
export const findLost = async (
  agents: readonly Holder[],
  expected: ReadonlyMap<string, string>,
  map = MAP,
): Promise<string[]> => {
  const lost: string[] = []
  for (const { client, place } of agents) {
    const missing = new Set(expected.keys())
    for await (const rows of client.rows({ command: 'export', map })) {
      for (const [key, value] of rows) if (expected.get(key) === value) missing.delete(key)
    }
    for (const key of missing) lost.push(`${place.name} ${key}`)
  }
  return lost
}

/** The counts that grew. */
const grownOf = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  )

/** What is known at the beginning of a stretch. */
interface Start {
  readonly idle: Measured['idle']
  readonly stopWatching: () => void
  readonly statuses: readonly AgentStatus[]
  readonly daemons: readonly number[]
  readonly problems: Readonly<Record<string, number>>
  readonly usage: Usage | null
  readonly sampler: Sampler
}

const measureIdle = async (crew: Crew, seconds: number, signal: AbortSignal) => {
  const before = await crew.statuses()
  await pauseUntil(performance.now() + seconds * 1000, signal)
  const { sent, bytesSent } = trafficOf(before, await crew.statuses(), 0)
  return { messagesPerSecond: sent / seconds, bytesPerSecond: Math.round(bytesSent / seconds) }
}

const usageOf = (crew: Crew, daemons: readonly number[]): Usage | null =>
  readUsage(
    crew.agents.map(({ pid }) => pid),
    daemons,
  )

export class Measurement {
  readonly #crew: Crew
  readonly #settings: Settings
  readonly #signal: AbortSignal
  readonly #start: Start
  readonly #journal: Journal
  readonly #writers: readonly Writer[]
  readonly #lateness: number[] = []
  #after: readonly AgentStatus[] = []
  #equal: Measured['equal'] = { isEqual: false, seconds: null }

  private constructor(
    crew: Crew,
    settings: Settings,
    signal: AbortSignal,
    journal: Journal,
    start: Start,
  ) {
    this.#crew = crew
    this.#settings = settings
    this.#signal = signal
    this.#journal = journal
    this.#start = start
    this.#writers = crew.agents.map(({ client }) => new Writer(client, settings))
  }

  /** Resolves when everything is watched and counted. */
  static async begin(crew: Crew, settings: Settings, signal: AbortSignal): Promise<Measurement> {
    const idle = await measureIdle(crew, settings.idleSeconds, signal)
    const journal = new Journal(settings)
    const stopWatching = await watchAll(crew.agents, journal)
    try {
      const statuses = await crew.statuses()
      const daemons = crew.daemons()
      const problems = crew.problems()
      const usage = usageOf(crew, daemons)
      const sampler = new Sampler(crew.agents)
      const start = { idle, stopWatching, statuses, daemons, problems, usage, sampler }
      return new Measurement(crew, settings, signal, journal, start)
    } catch (error) {
      stopWatching()
      throw error
    }
  }

  /** Makes that agent write now. */
  write(agent: number, due = performance.now()): Write {
    this.#crew.check()
    this.#lateness.push(Math.max(0, performance.now() - due))
    const write = this.#journal.issue(agent, due)
    this.#writers[agent]?.write(write)
    return write
  }

  /** All agents write at the rate and for the time of the settings, unless `load` says otherwise. */
  load(load: Partial<Pick<Load, 'isOver' | 'writers'>> = {}): Promise<void> {
    const { rate, seconds } = this.#settings
    return runLoad({
      rate,
      isOver: (at) => at >= seconds * 1000,
      writers: this.#writers.map((_, agent) => agent),
      write: (agent, due) => this.write(agent, due),
      signal: this.#signal,
      ...load,
    })
  }

  /** Waits until all writes are answered and all replicas are equal. */
  async settle(): Promise<void> {
    const start = performance.now()
    const isEqual = await within(this.#settings.settleSeconds * 1000, this.#signal, async () => {
      const isAnswered = this.#writers.every(({ open }) => open === 0)
      return (await this.#crew.areEqual()) && isAnswered
    })
    const seconds = Math.round(performance.now() - start) / 1000
    this.#equal = { isEqual, seconds: isEqual ? seconds : null }
    await within(LAST_TIMEOUT_MS, this.#signal, () => this.#journal.unseen === 0)
  }

  /** `isMeasured` excludes agents from the lags. */
  async end(isMeasured: (agent: number) => boolean = () => true): Promise<Measured> {
    const { idle, statuses, daemons, problems, usage, sampler } = this.#start
    const now = performance.now()
    let unread = 0
    await within(LAST_TIMEOUT_MS, this.#signal, () => {
      unread = sampler.look().backlog
      return unread === 0
    })
    await pauseUntil(performance.now() + LAST_PAUSE_MS, this.#signal)
    const samples = sampler.stop()
    const processorSeconds = usedSince(usage, usageOf(this.#crew, daemons))
    this.#after = await this.#crew.statuses()
    const { writes, acknowledged, unseen } = this.#journal
    const lost = await findLost(this.#crew.agents, this.#journal.expected())
    const measured = writes.filter(({ agent }) => isMeasured(agent))
    const memoryAt = (index: number): number | null => samples.at(index)?.memory ?? null
    return {
      writes: {
        issued: writes.length,
        acknowledged: acknowledged.length,
        failed: writes.length - acknowledged.length,
        lost: lost.length,
        unseen,
        lateness: quantilesOf(this.#lateness),
      },
      lag: lagsOf(measured, now, isMeasured),
      acknowledgement: acknowledgementsOf(writes),
      traffic: trafficOf(statuses, this.#after, writes.length),
      idle,
      processorSeconds,
      memory: { start: memoryAt(0), middle: memoryAt(samples.length >> 1), end: memoryAt(-1) },
      backlog: { max: Math.max(...samples.map(({ most }) => most)), last: unread },
      equal: this.#equal,
      problems: grownOf(problems, this.#crew.problems()),
      samples,
    }
  }

  /** Of one agent, after `end`. */
  bytesSentBy(agent: number): number {
    const of = (statuses: readonly AgentStatus[]): AgentStatus[] => statuses.slice(agent, agent + 1)
    return trafficOf(of(this.#start.statuses), of(this.#after), 0).bytesSent
  }

  /** Stops watching and sampling, however the stretch ended. */
  close(): void {
    this.#start.stopWatching()
    this.#start.sampler.stop()
    for (const writer of this.#writers) writer.close()
  }
}

export type Progress = (row: string) => void

/** What a scenario works with. */
export interface Stage {
  readonly crew: Crew
  readonly settings: Settings
  readonly signal: AbortSignal
  readonly progress: Progress
  readonly measurement: Measurement
}
