/**
 * All agents of a bench: started over a world, each knowing the first alone, and looked at
 * together.
 *
 * ```ts
 * const crew = await Crew.start(world, settings, signal)
 * await crew.areEqual()
 * await crew.stop()
 * ```
 */
import type { AgentStatus } from '../../src/agent/status.ts'
import { Failure } from '../../src/errors.ts'
import { Agent } from './agent.ts'
import { within } from './clock.ts'
import type { Settings } from './settings.ts'
import type { Place, World } from './world.ts'

const SWARM = 'bench'

/** Milliseconds for a swarm of strangers to get to know one another. Twenty take half a minute. */
const MEET_TIMEOUT = 180_000
/** Milliseconds in which no message goes out, so that what was written before costs nothing later. */
const QUIET = 1_000
/** Milliseconds for that. Rounds of a large swarm may never leave such a gap. */
const QUIET_TIMEOUT = 10_000

const greetingOf = (agent: number) =>
  ({ command: 'set', map: 'greetings', key: `w${agent}`, value: 'hello' }) as const

export class Crew {
  readonly agents: readonly Agent[]
  readonly #signal: AbortSignal

  private constructor(agents: readonly Agent[], signal: AbortSignal) {
    this.agents = agents
    this.#signal = signal
  }

  /** Resolves when all answer; else none is left. `pilotctlOf` names another than the place's own. */
  static async start(
    { places }: World,
    { isBuilt, interval, fanout }: Settings,
    signal: AbortSignal,
    pilotctlOf: (place: Place, at: number) => string | undefined = () => undefined,
  ): Promise<Crew> {
    const [first] = places as [Place]
    const started = await Promise.allSettled(
      places.map((place, at) => {
        const pilotctl = pilotctlOf(place, at)
        return Agent.start(place, {
          swarm: SWARM,
          signal,
          isBuilt,
          ...(place !== first && { peer: first.address }),
          ...(interval !== undefined && { interval }),
          ...(fanout !== undefined && { fanout }),
          ...(pilotctl !== undefined && { pilotctl }),
        })
      }),
    )
    const agents = started.flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    const failed = started.find((one) => one.status === 'rejected')
    if (failed) await Promise.all(agents.map((agent) => agent.stop()))
    signal.throwIfAborted()
    if (failed) throw failed.reason
    return new Crew(agents, signal)
  }

  /** Of all agents. Rejects where one does not answer, and with what it said when one has ended. */
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

  /** Have all replicas one digest? An agent that gives no answer in time has not. */
  async areEqual(): Promise<boolean> {
    try {
      return new Set((await this.statuses()).map(({ digest }) => digest)).size === 1
    } catch (error) {
      this.check()
      if (error instanceof Failure && error.code === 'timeout') return false
      throw error
    }
  }

  /** Resolves when each knows all others and all are equal; rejects with `timeout` when they do not manage. */
  async meet(): Promise<void> {
    const others = this.agents.length - 1
    let known: number[] = []
    const met = await within(MEET_TIMEOUT, this.#signal, async () => {
      const statuses = await this.statuses()
      known = statuses.map(({ peers }) => peers.length)
      const isKnown = known.every((count) => count >= others)
      return isKnown
    })
    // Replicas that no agent has written to would be equal even if no message arrived.
    if (met) await Promise.all(this.agents.map((agent, at) => agent.client.ask(greetingOf(at))))
    if (met && (await within(MEET_TIMEOUT, this.#signal, () => this.areEqual()))) return
    throw new Failure('timeout', `${others + 1} agents did not become one swarm`, {
      hint: `they know ${known.join(', ')} peers, or differ: try fewer agents`,
    })
  }

  /** Resolves when no agent has sent anything for a second, and after ten in any case. */
  async rest(): Promise<void> {
    let before = -1
    let since = 0
    await within(QUIET_TIMEOUT, this.#signal, async () => {
      const statuses = await this.statuses()
      const sent = statuses.reduce((sum, { counters }) => sum + counters.pushesSent, 0)
      if (sent !== before) since = performance.now()
      before = sent
      return performance.now() - since >= QUIET
    })
  }

  /** The processes of the daemons that run now. */
  daemons(): number[] {
    return this.agents.flatMap(({ place }) => place.node?.pid ?? [])
  }

  /** Troubles that all have told of, by code. */
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
