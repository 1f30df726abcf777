/**
 * An agent that joins the swarm through another agent of this host, which stores what it writes:
 * for programs that cannot have that agent's data folder, or its daemon, for themselves.
 *
 * ```ts
 * const guest = await Guest.start({ dir: '/var/lib/kv', swarm: 'kv' })
 * guest.agent.doc.getMap('state').set('k', 1)
 * await guest.stored()      // on that agent's disk
 * await guest.stop()
 * ```
 */
import { Agent, type AgentOptions } from '../agent/agent.ts'
import { deferred } from '../deferred.ts'
import { Failure } from '../errors.ts'
import { makeReadOnly } from '../maps/index.ts'
import { GuestTransport, type GuestTransportOptions } from './guest-transport.ts'

/** Milliseconds to receive the agent's state, and to store ours: some 10 MB on a busy host. */
const TIMEOUT_MS = 30_000

/** Milliseconds between two requests to the agent. An answer takes some ten. */
const ASK_MS = 250

export type GuestOptions = GuestTransportOptions &
  Pick<AgentOptions, 'config' | 'onProblem' | 'readOnly'>

export class Guest {
  readonly agent: Agent
  readonly #transport: GuestTransport
  readonly #waiting = new Set<() => void>()

  private constructor({ config, onProblem, readOnly, ...options }: GuestOptions) {
    this.#transport = new GuestTransport(options)
    this.agent = new Agent({
      swarm: options.swarm,
      transport: this.#transport,
      ...(config && { config }),
      ...(onProblem && { onProblem }),
      ...(readOnly !== undefined && { readOnly }),
      onStep: () => {
        for (const wake of [...this.#waiting]) wake()
      },
    })
  }

  /** Resolves when everything that the agent has is here. Rejects with a Failure: not_running, timeout. */
  static async start(options: GuestOptions): Promise<Guest> {
    const guest = new Guest(options)
    try {
      await guest.agent.start()
      if (guest.#transport.isReadOnly) makeReadOnly(guest.agent.doc)
      await guest.#until(() => guest.agent.room.status.syncs > 0, 'did not send its state')
      return guest
    } catch (error) {
      await guest.agent.stop()
      throw error
    }
  }

  /**
   * Resolves when everything written here so far is on the agent's disk. Rejects with a Failure:
   * `not_running` if the agent has ended, `timeout` if it is too busy.
   */
  async stored(): Promise<void> {
    const { runtime, room } = this.agent
    runtime.take({ type: 'flush' })
    await this.#until(() => {
      const { unacknowledgedSince, hasFresh } = room.status
      // A resolved `send` is stored; what the agent merely acknowledged may still be on the way to its disk.
      return unacknowledgedSince === undefined && !hasFresh && runtime.gossip?.sending === 0
    }, 'did not store what was written')
  }

  async stop(): Promise<void> {
    await this.agent.stop()
  }

  async #until(isSo: () => boolean, what: string): Promise<void> {
    const { agent } = this
    if (isSo()) return
    const { promise, resolve, reject } = deferred<void>()
    const check = (): void => {
      if (isSo()) resolve()
      else if (!agent.runtime.isStarted) reject(new Failure('closed', 'the agent was stopped'))
    }
    this.#waiting.add(check)
    const asking = setInterval(() => agent.ask(), ASK_MS)
    const late = setTimeout(() => reject(this.#late(what)), TIMEOUT_MS)
    try {
      agent.ask()
      await promise
    } finally {
      this.#waiting.delete(check)
      clearInterval(asking)
      clearTimeout(late)
    }
  }

  #late(what: string): Failure {
    const { isLost, dir } = this.#transport
    if (!isLost)
      return new Failure('timeout', `the agent on "${dir}" ${what} in ${TIMEOUT_MS / 1000} s`, {
        hint: 'it is busy: try again',
      })
    return new Failure('not_running', `the agent on "${dir}" has ended`, {
      hint: 'start it again; what was written here is pushed when it is back',
    })
  }
}
