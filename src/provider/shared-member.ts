/**
 * One member for all providers over the same transport: opened for the first of them, closed with
 * the last.
 *
 * ```ts
 * const lease = leaseMember(transport, { swarm, onProblem })
 * const member = await lease.started
 * await lease.release()
 * ```
 */
import { Failure } from '../errors.ts'
import { Member, type MemberOptions, type Problem } from '../member.ts'
import type { Transport } from '../transport.ts'

interface Shared {
  readonly member: Member
  readonly started: Promise<Member>
  /** Of each of its users: who is told of trouble. */
  readonly users: Set<(problem: Problem) => void>
}

export interface Lease {
  /** Rejects with the Failure of its opening. */
  readonly started: Promise<Member>
  /** Closes the member where nobody else uses it. May be called twice. */
  release(): Promise<void>
}

export type LeaseOptions = Omit<MemberOptions, 'transport'> & {
  readonly onProblem: (problem: Problem) => void
}

const shares = new WeakMap<Transport, Shared>()

const start = async (member: Member): Promise<Member> => {
  await member.open()
  try {
    await member.start()
  } catch (error) {
    await member.close()
    throw error
  }
  return member
}

const share = (transport: Transport, options: LeaseOptions): Shared => {
  const users = new Set<(problem: Problem) => void>()
  const onProblem = (problem: Problem): void => {
    for (const tell of [...users]) tell(problem)
  }
  const member = new Member({ ...options, transport, onProblem })
  const shared: Shared = { member, started: start(member), users }
  shares.set(transport, shared)
  // The next one tries anew: a daemon may be up by then.
  shared.started.catch(() => {
    if (shares.get(transport) === shared) shares.delete(transport)
  })
  return shared
}

/** Another provider has opened it: what this one wants of it besides. */
const join = async ({ member, started }: Shared, options: LeaseOptions): Promise<Member> => {
  await started
  if (options.peers) await member.invite(options.peers)
  return member
}

/**
 * The member of that transport, made where there is none; its `config` is that of the first. Throws
 * a Failure (invalid_argument) where the transport is used for another swarm.
 */
export const leaseMember = (transport: Transport, options: LeaseOptions): Lease => {
  const known = shares.get(transport)
  const { swarm, onProblem } = options
  if (known && known.member.swarm !== swarm) {
    throw new Failure(
      'invalid_argument',
      `swarm "${swarm}": the transport is used for swarm "${known.member.swarm}" already`,
      { hint: 'give each swarm a transport of its own' },
    )
  }
  const shared = known ?? share(transport, options)
  // One listener for each lease: two may be of one provider.
  const user = (problem: Problem): void => onProblem(problem)
  shared.users.add(user)
  return {
    started: known ? join(known, options) : shared.started,
    async release() {
      if (!shared.users.delete(user) || shared.users.size > 0) return
      if (shares.get(transport) === shared) shares.delete(transport)
      const [result] = await Promise.allSettled([shared.started])
      if (result.status === 'fulfilled') await shared.member.close()
    },
  }
}
