/**
 * One member for all providers over the same transport: opened for the first of them, closed with
 * the last.
 *
 * ```ts
 * const lease = leaseMember(transport, () => new Member({ swarm, transport }))
 * const member = await lease.member
 * await lease.release()
 * ```
 */
import type { Member } from '../member.ts'
import type { Transport } from '../transport.ts'

interface Shared {
  readonly member: Member
  readonly started: Promise<Member>
  users: number
}

export interface Lease {
  /** Rejects with the Failure of its opening. */
  readonly started: Promise<Member>
  /** Closes the member where nobody else uses it. May be called twice. */
  release(): Promise<void>
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

const share = (transport: Transport, create: () => Member): Shared => {
  const member = create()
  const shared: Shared = { member, started: start(member), users: 0 }
  shares.set(transport, shared)
  // The next one tries anew: a daemon may be up by then.
  shared.started.catch(() => {
    if (shares.get(transport) === shared) shares.delete(transport)
  })
  return shared
}

/** The member of that transport; `create` makes it where there is none. */
export const leaseMember = (transport: Transport, create: () => Member): Lease => {
  const shared = shares.get(transport) ?? share(transport, create)
  shared.users++
  let isReleased = false
  return {
    started: shared.started,
    async release() {
      if (isReleased) return
      isReleased = true
      shared.users--
      if (shared.users > 0) return
      if (shares.get(transport) === shared) shares.delete(transport)
      const [result] = await Promise.allSettled([shared.started])
      if (result.status === 'fulfilled') await shared.member.close()
    },
  }
}
