/**
 * One runtime for all providers over a transport, opened for the first and closed with the last.
 *
 * ```ts
 * const lease = leaseRuntime(transport, { swarm, onProblem })
 * const runtime = await lease.started
 * await lease.release()
 * ```
 */

import { differsIn } from '../agent/named-access.ts'
import type { Problem } from '../agent/problem.ts'
import { Runtime, type RuntimeOptions } from '../agent/runtime.ts'
import { TransportHold } from '../agent/transport-hold.ts'
import { Failure } from '../errors.ts'
import type { Transport } from '../transports/transport.ts'

interface User {
  /** Called for each problem. */
  readonly report: (problem: Problem) => void
  /** Settles when the user has left. Absent unless it is about to. */
  leaving?: Promise<unknown>
}

interface Shared {
  readonly runtime: Runtime
  readonly started: Promise<Runtime>
  readonly users: Set<User>
  /** Closes the runtime, and then gives the transport back. */
  readonly end: () => Promise<void>
}

export interface Lease {
  /** Rejects with the Failure of its opening. */
  readonly started: Promise<Runtime>
  /** Announces that the lease is released before `over` settles. Other users may wait for that. */
  leaveSoon(over: Promise<unknown>): void
  /** Closes the runtime if this is its last lease, also while it starts. May be called twice. */
  release(): Promise<void>
}

export type LeaseOptions = Omit<RuntimeOptions, 'transport'> & {
  readonly onProblem: (problem: Problem) => void
}

const shares = new WeakMap<Transport, Shared>()

/** Settles when all users have left; undefined if one of them stays. */
const leavingOf = (users: ReadonlySet<User>): Promise<unknown> | undefined => {
  const leaving = [...users].map((user) => user.leaving)
  return leaving.includes(undefined) ? undefined : Promise.allSettled(leaving)
}

const share = (transport: Transport, options: LeaseOptions): Shared => {
  const users = new Set<User>()
  const onProblem = (problem: Problem): void => {
    for (const { report } of [...users]) report(problem)
  }
  const runtime = new Runtime({ ...options, transport, onProblem })
  const hold = new TransportHold(transport, () => leavingOf(users))
  const end = (): Promise<void> => {
    if (shares.get(transport) === shared) shares.delete(transport)
    return hold.leave(() => runtime.close())
  }
  const start = async (): Promise<Runtime> => {
    try {
      await hold.take()
      await runtime.open()
      await runtime.start()
    } catch (error) {
      // The next provider tries again: a daemon may be up by then.
      await end()
      throw error
    }
    return runtime
  }
  const started = start()
  started.catch(() => undefined) // each user gets the error from `started`
  const shared: Shared = { runtime, started, users, end }
  shares.set(transport, shared)
  return shared
}

/** Adds the peers of a further provider. */
const join = async ({ runtime, started }: Shared, options: LeaseOptions): Promise<Runtime> => {
  await started
  if (options.peers) await runtime.invite(options.peers)
  return runtime
}

/**
 * Leases the runtime of that transport, and creates it if there is none. It has the `config` of the
 * first lease. If all users of a runtime for another swarm are leaving, the new one waits for them;
 * otherwise throws a Failure (invalid_argument).
 */
export const leaseRuntime = (transport: Transport, options: LeaseOptions): Lease => {
  const found = shares.get(transport)
  const { swarm, onProblem } = options
  const known = found?.runtime.swarm === swarm ? found : undefined
  if (found && !known && !leavingOf(found.users)) {
    throw new Failure(
      'invalid_argument',
      `swarm "${swarm}": the transport is used for swarm "${found.runtime.swarm}" already`,
      { hint: 'give each swarm a transport of its own' },
    )
  }
  if (known && differsIn(known.runtime.namedAccess, options)) {
    throw new Failure(
      'invalid_argument',
      'the transport is used already, and other peers may write there',
      { hint: 'give all providers of a transport the same accept, readOnlyPeers and banned' },
    )
  }
  const shared = known ?? share(transport, options)
  const user: User = { report: onProblem }
  shared.users.add(user)
  let isReleased = false
  return {
    started: known ? join(known, options) : shared.started,
    leaveSoon(over) {
      user.leaving = over
    },
    async release() {
      if (isReleased) return
      isReleased = true
      // The last user gets problems until the end.
      if (shared.users.size === 1) await shared.end()
      shared.users.delete(user)
    },
  }
}
