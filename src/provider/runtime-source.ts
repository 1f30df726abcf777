/**
 * The runtime of a provider: that of an agent, or one that all providers over a transport share.
 *
 * ```ts
 * const source = new RuntimeSource(via, 'notes', options, onProblem)
 * room.join(await source.get())
 * await source.release()
 * ```
 */
import { Agent } from '../agent/agent.ts'
import type { Problem } from '../agent/problem.ts'
import type { Runtime } from '../agent/runtime.ts'
import { Failure } from '../errors.ts'
import { sealedOf } from '../transports/sealed/sealed-transport.ts'
import type { Transport } from '../transports/transport.ts'
import type { ProviderOptions } from './options.ts'
import { type Lease, leaseRuntime } from './shared-runtime.ts'

/** The swarm of providers whose options name none. */
const DEFAULT_SWARM = 'pilot-gossip'

export class RuntimeSource {
  readonly #via: Transport | Agent
  readonly #room: string
  readonly #options: ProviderOptions
  readonly #onProblem: (problem: Problem) => void
  /** The lease of a shared runtime. The runtime of an agent needs none. */
  #lease: Lease | undefined

  constructor(
    via: Transport | Agent,
    room: string,
    options: ProviderOptions,
    onProblem: (problem: Problem) => void,
  ) {
    this.#via = via
    this.#room = room
    this.#options = options
    this.#onProblem = onProblem
  }

  /**
   * Resolves to the runtime once it has started and no other provider of the room is about to leave.
   * Rejects with the Failure of its opening, or with `closed` if the agent was stopped. May be called
   * again after that.
   */
  async get(): Promise<Runtime> {
    const runtime = await this.#started()
    // The agent may have the room open without users.
    if (this.#via instanceof Agent) await this.#via.vacateRoom(this.#room)
    await runtime.freed(this.#room)
    if (runtime.isStarted) return runtime
    throw this.#stopped()
  }

  /** Announces that the runtime is released before `over` settles. */
  leaveSoon(over: Promise<unknown>): void {
    this.#lease?.leaveSoon(over)
  }

  /** Releases the runtime. The last provider closes the transport. */
  async release(): Promise<void> {
    await this.#lease?.release()
  }

  async #started(): Promise<Runtime> {
    const via = this.#via
    if (via instanceof Agent) {
      await via.runtime.ready
      if (via.runtime.isStarted) return via.runtime
      throw this.#stopped()
    }
    const { swarm = via.swarm ?? DEFAULT_SWARM, peers, config, secret } = this.#options
    const { accept, readOnlyPeers, banned } = this.#options
    this.#lease ??= leaseRuntime(sealedOf(via, secret, swarm), {
      swarm,
      network: via,
      ...(peers && { peers }),
      ...(config && { config }),
      ...(accept && { accept }),
      ...(readOnlyPeers && { readOnlyPeers }),
      ...(banned && { banned }),
      onProblem: this.#onProblem,
    })
    const lease = this.#lease
    try {
      return await lease.started
    } catch (error) {
      if (this.#lease === lease) this.#lease = undefined
      await lease.release()
      throw error
    }
  }

  #stopped(): Failure {
    return new Failure('closed', `room "${this.#room}": the agent was stopped`)
  }
}
