/**
 * One measured stretch over a crew: writes and watches, counts before and after, and the check of
 * the answer at its end. Scenarios decide what happens between.
 *
 * ```ts
 * const measurement = await Measurement.begin(crew, settings, signal)
 * await measurement.load()
 * const run = await measurement.end()
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'
import { findLost } from './check.ts'
import { pauseUntil, within } from './clock.ts'
import type { Crew } from './crew.ts'
import { Journal, type Write } from './journal.ts'
import { acknowledgementsOf, lagsOf } from './lags.ts'
import { type Load, runLoad } from './load.ts'
import { readUsage, type Usage, usedSince } from './processor.ts'
import { quantilesOf } from './quantiles.ts'
import type { Measured } from './result.ts'
import { type Sample, Sampler } from './samples.ts'
import type { Settings } from './settings.ts'
import { trafficOf } from './traffic.ts'
import { Watcher } from './watcher.ts'
import { Writer } from './writer.ts'

/** Milliseconds for watchers to be told, and for inboxes to be emptied, once all replicas are equal. */
const LAST_TIMEOUT = 10_000
/** Milliseconds after that: what follows a change by a timer of the agents is a part of its cost. */
const LAST_PAUSE = 1_000

interface Equal {
  readonly isEqual: boolean
  readonly seconds: number | null
}

export class Measurement {
  readonly journal: Journal
  readonly #crew: Crew
  readonly #settings: Settings
  readonly #signal: AbortSignal
  readonly #writers: readonly Writer[]
  readonly #lateness: number[] = []
  #watcher: Watcher | undefined
  #sampler: Sampler | undefined
  #idle: Measured['idle'] = { messagesPerSecond: 0, bytesPerSecond: 0 }
  #before: readonly AgentStatus[] = []
  #after: readonly AgentStatus[] = []
  #usage: Usage | null = null
  #daemons: readonly number[] = []
  #problems: Readonly<Record<string, number>> = {}
  #equal: Equal = { isEqual: false, seconds: null }

  private constructor(crew: Crew, settings: Settings, signal: AbortSignal) {
    this.#crew = crew
    this.#settings = settings
    this.#signal = signal
    this.journal = new Journal(settings)
    this.#writers = crew.agents.map(({ client }) => new Writer(client, settings))
  }

  /** Resolves when everything is watched and counted from now on. */
  static async begin(crew: Crew, settings: Settings, signal: AbortSignal): Promise<Measurement> {
    const measurement = new Measurement(crew, settings, signal)
    await measurement.#measureIdle()
    measurement.#watcher = await Watcher.start(crew.agents, measurement.journal)
    measurement.#before = await crew.statuses()
    measurement.#daemons = crew.daemons()
    measurement.#problems = crew.problems()
    measurement.#usage = measurement.#readUsage()
    measurement.#sampler = new Sampler(crew.agents)
    return measurement
  }

  /** Has that agent write now. */
  write(agent: number, due = performance.now()): Write {
    this.#crew.check()
    this.#lateness.push(Math.max(0, performance.now() - due))
    const write = this.journal.issue(agent, due)
    this.#writers[agent]?.write(write)
    return write
  }

  /** All agents, or those named, write at the rate and for the time of the settings, or of `load`. */
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

  /** Waits until all writes are answered and all replicas are equal, counted from now. */
  async settle(): Promise<void> {
    const { settleSeconds } = this.#settings
    const start = performance.now()
    const isEqual = await within(settleSeconds * 1000, this.#signal, async () => {
      const isAnswered = this.#writers.every(({ open }) => open === 0)
      return (await this.#crew.areEqual()) && isAnswered
    })
    const seconds = Math.round(performance.now() - start) / 1000
    this.#equal = { isEqual, seconds: isEqual ? seconds : null }
    await within(LAST_TIMEOUT, this.#signal, () => this.journal.unseen === 0)
  }

  /** What was measured. `isMeasured` leaves replicas and their writes out of the lags. */
  async end(isMeasured: (agent: number) => boolean = () => true): Promise<Measured> {
    const now = performance.now()
    let unread = 0
    await within(LAST_TIMEOUT, this.#signal, () => {
      unread = this.#sampler?.look().backlog ?? 0
      return unread === 0
    })
    await pauseUntil(performance.now() + LAST_PAUSE, this.#signal)
    const samples = this.#sampler?.stop() ?? []
    const used = usedSince(this.#usage, this.#readUsage())
    this.#after = await this.#crew.statuses()
    const { writes } = this.journal
    const lost = await findLost(this.#crew.agents, this.journal.expected())
    return {
      writes: {
        issued: writes.length,
        acknowledged: writes.filter((write) => write.acknowledged !== undefined).length,
        failed: writes.filter((write) => write.acknowledged === undefined).length,
        lost: lost.length,
        unseen: this.journal.unseen,
        lateness: quantilesOf(this.#lateness),
      },
      lag: lagsOf(
        writes.filter(({ agent }) => isMeasured(agent)),
        now,
        isMeasured,
      ),
      acknowledgement: acknowledgementsOf(writes),
      traffic: trafficOf(this.#before, this.#after, writes.length),
      idle: this.#idle,
      processorSeconds: used,
      memory: memoryOf(samples),
      backlog: {
        max: Math.max(...samples.map(({ most }) => most)),
        last: unread,
      },
      equal: this.#equal,
      problems: grownOf(this.#problems, this.#crew.problems()),
      samples,
    }
  }

  /** Of one agent, once the measurement has ended. */
  bytesSentBy(agent: number): number {
    const of = (statuses: readonly AgentStatus[]): AgentStatus[] => statuses.slice(agent, agent + 1)
    return trafficOf(of(this.#before), of(this.#after), 0).bytesSent
  }

  /** Lets go of the agents; to be called however it ended. */
  close(): void {
    this.#watcher?.stop()
    this.#sampler?.stop()
    for (const writer of this.#writers) writer.close()
  }

  async #measureIdle(): Promise<void> {
    const before = await this.#crew.statuses()
    const { idleSeconds } = this.#settings
    await pauseUntil(performance.now() + idleSeconds * 1000, this.#signal)
    const { sent, bytesSent } = trafficOf(before, await this.#crew.statuses(), 0)
    this.#idle = {
      messagesPerSecond: sent / idleSeconds,
      bytesPerSecond: Math.round(bytesSent / idleSeconds),
    }
  }

  #readUsage(): Usage | null {
    return readUsage(
      this.#crew.agents.map(({ pid }) => pid),
      this.#daemons,
    )
  }
}

/** What has been added to counts. */
const grownOf = (
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(
    Object.entries(after)
      .map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
      .filter(([, count]) => count > 0),
  )

const memoryOf = (samples: readonly Sample[]): Measured['memory'] => {
  const at = (index: number): number | null => samples.at(index)?.memory ?? null
  return { start: at(0), middle: at(samples.length >> 1), end: at(-1) }
}
