/**
 * One runtime for all providers over the same transport: opened for the first of them, closed with
 * the last.
 *
 * ```ts
 * const lease = leaseRuntime(transport, { swarm, onProblem })
 * const runtime = await lease.started
 * await lease.release()
 * ```
 */

import type { Problem } from '../agent/problem.ts'
import { Runtime, type RuntimeOptions } from '../agent/runtime.ts'
import { TransportHold } from '../agent/transport-hold.ts'
import { Failure } from '../errors.ts'
import type { Transport } from '../transports/transport.ts'

interface User {
  /** Told of trouble. */
  readonly tell: (problem: Problem) => void
  /** Settles when it has left; absent: it is there to stay. */
  leaving?: Promise<unknown>
}

interface Shared {
  readonly runtime: Runtime
  readonly started: Promise<Runtime>
  readonly users: Set<User>
  /** Closes the runtime, and lets the next one have the transport then. */
  readonly end: () => Promise<void>
}

export interface Lease {
  /** Rejects with the Failure of its opening. */
  readonly started: Promise<Runtime>
  /** It will be released before `over` settles: who wants the transport for something else may wait. */
  leaveSoon(over: Promise<unknown>): void
  /** Closes the runtime where nobody else uses it, also while it starts. May be called twice. */
  release(): Promise<void>
}

export type LeaseOptions = Omit<RuntimeOptions, 'transport'> & {
  readonly onProblem: (problem: Problem) => void
}

const shares = new WeakMap<Transport, Shared>()

/** Settles when all of them have left; undefined where one is there to stay. */
const leavingOf = (users: ReadonlySet<User>): Promise<unknown> | undefined => {
  const leaving = [...users].map((user) => user.leaving)
  return leaving.includes(undefined) ? undefined : Promise.allSettled(leaving)
}

const share = (transport: Transport, options: LeaseOptions): Shared => {
  const users = new Set<User>()
  const onProblem = (problem: Problem): void => {
    for (const { tell } of [...users]) tell(problem)
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
      // The next one tries anew: a daemon may be up by then.
      await end()
      throw error
    }
    return runtime
  }
  const started = start()
  started.catch(() => undefined) // its users are told
  const shared: Shared = { runtime, started, users, end }
  shares.set(transport, shared)
  return shared
}

/** Another provider has opened it: what this one wants of it besides. */
const join = async ({ runtime, started }: Shared, options: LeaseOptions): Promise<Runtime> => {
  await started
  if (options.peers) await runtime.invite(options.peers)
  return runtime
}

/**
 * The runtime of that transport, made where there is none; its `config` is that of the first. One
 * that all its users are leaving is waited for where it cannot be joined, and then the transport is
 * opened again. Throws a Failure (invalid_argument) where the transport is used for another swarm.
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
  const shared = known ?? share(transport, options)
  const user: User = { tell: onProblem }
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
      // The last one is told of trouble to the very end.
      if (shared.users.size === 1) await shared.end()
      shared.users.delete(user)
    },
  }
}
