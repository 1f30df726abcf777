/**
 * All agents of a bench, each of which knows only the first at its start.
 *
 * ```ts
 * const crew = await Crew.start(world, settings, signal)
 * await crew.areEqual()
 * await crew.stop()
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'
import { Failure, isFailure } from '../../src/errors.ts'
import { sumOf } from '../runner/stats.ts'
import { Agent } from './agent.ts'
import { within } from './clock.ts'
import type { Settings } from './settings.ts'
import type { Place, World } from './world.ts'

const SWARM = 'bench'

/** Until all agents know one another. Twenty take half a minute. */
const MEET_TIMEOUT_MS = 180_000
/** A gap without messages, so that earlier writes cost nothing later. */
const QUIET_MS = 1_000
/** Until there is such a gap; the rounds of a large swarm may never leave one. */
const QUIET_TIMEOUT_MS = 10_000

export class Crew {
  readonly agents: readonly Agent[]
  readonly #signal: AbortSignal

  private constructor(agents: readonly Agent[], signal: AbortSignal) {
    this.agents = agents
    this.#signal = signal
  }

  /** Resolves when all agents are ready; otherwise none keeps running. `pilotctlOf` overrides a place's program. */
  static async start(
    { places }: World,
    { isBuilt, interval, fanout }: Settings,
    signal: AbortSignal,
    pilotctlOf: (place: Place, at: number) => string | undefined = () => undefined,
  ): Promise<Crew> {
    const [first] = places as [Place]
    const common = { swarm: SWARM, signal, isBuilt, interval, fanout }
    const started = await Promise.allSettled(
      places.map(async (place, at) => {
        const peer = place === first ? undefined : first.address
        return Agent.start(place, { ...common, peer, pilotctl: pilotctlOf(place, at) })
      }),
    )
    const agents = started.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = started.find((one) => one.status === 'rejected')
    if (failed) await Promise.all(agents.map((agent) => agent.stop()))
    signal.throwIfAborted()
    if (failed) throw failed.reason
    return new Crew(agents, signal)
  }

  /** Rejects with the output of an agent that has ended. */
  async statuses(): Promise<AgentStatus[]> {
    this.check()
    try {
      return await Promise.all(this.agents.map((agent) => agent.status()))
    } catch (error) {
      this.check()
      throw error
    }
  }

  /** Throws the failure of an agent that has ended. */
  check(): void {
    this.#signal.throwIfAborted()
    for (const { failure } of this.agents) if (failure) throw failure
  }

  /** Do all replicas have one digest? False if an agent does not answer in time. */
  async areEqual(): Promise<boolean> {
    try {
      return new Set((await this.statuses()).map(({ digest }) => digest)).size === 1
    } catch (error) {
      if (isFailure(error, 'timeout')) return false
      throw error
    }
  }

  /** Resolves when all agents know one another and are equal; rejects with `timeout`. */
  async meet(): Promise<void> {
    const others = this.agents.length - 1
    let known: number[] = []
    const met = await within(MEET_TIMEOUT_MS, this.#signal, async () => {
      known = (await this.statuses()).map(({ peers }) => peers.length)
      return known.every((count) => count >= others)
    })
    // Empty replicas would be equal even if no message arrived.
    const greet = ({ client }: Agent, at: number) =>
      client.ask({ command: 'set', map: 'greetings', key: `w${at}`, value: 'hello' })
    if (met) await Promise.all(this.agents.map(greet))
    if (met && (await within(MEET_TIMEOUT_MS, this.#signal, () => this.areEqual()))) return
    throw new Failure('timeout', `${others + 1} agents did not become one swarm`, {
      hint: `try fewer agents: they know ${known.join(', ')} peers, or differ`,
    })
  }

  /** Resolves after a second without a message, or after ten. */
  async rest(): Promise<void> {
    let before = -1
    let since = 0
    await within(QUIET_TIMEOUT_MS, this.#signal, async () => {
      const sent = sumOf((await this.statuses()).map(({ counters }) => counters.pushesSent))
      if (sent !== before) since = performance.now()
      before = sent
      return performance.now() - since >= QUIET_MS
    })
  }

  /** The processes of the daemons. */
  daemons(): number[] {
    return this.agents.flatMap(({ place }) => place.node?.pid ?? [])
  }

  /** Warnings of all agents by code. */
  problems(): Record<string, number> {
    const sum: Record<string, number> = {}
    for (const { problems } of this.agents) {
      for (const [code, count] of problems) sum[code] = (sum[code] ?? 0) + count
    }
    return sum
  }

  async stop(): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent.stop()))
  }
}
