/**
 * The options of an agent that say what others may do, and how their names become rows of the core's
 * table. All rows are there before the first message is taken: a name that cannot be looked up keeps
 * the agent from starting, rather than leave out a ban.
 *
 * ```ts
 * const access = createAccess({ banned: ['mallory'] }, transport)
 * await grantNamed(access, { banned: ['mallory'] }, transport)
 * ```
 */
import { invalid } from '../errors.ts'
import { type Accept, Access, networkOf } from '../gossip/index.ts'
import type { Transport } from '../transports/transport.ts'

export interface NamedAccess {
  /**
   * Whose messages the agent takes. `listed`: those of `peers`, `readOnlyPeers` and guests of this
   * host. `trusted`: those of nodes that the transport trusts, too. `network:ID`: of members of that
   * Pilot network, too. `any`: of every address that the transport proves. Default: `trusted` as soon
   * as the node trusts anybody, and `any` before that; `any` with a secret, which decides instead, and
   * on a transport that has no notion of trust, where `trusted` means the same.
   */
  readonly accept?: Accept
  /** Names or addresses of peers that may read: they are answered, and updates of theirs are refused. */
  readonly readOnlyPeers?: readonly string[]
  /** Names or addresses from which nothing is taken, and to which nothing is sent. */
  readonly banned?: readonly string[]
  /**
   * Does the agent only read? It then refuses writes to its maps and through its socket, its guests and
   * the bridge, and still passes on what peers write. Default false.
   */
  readonly readOnly?: boolean
}

/**
 * The table without the rows of names. `network` is the transport that may be sealed in `transport`.
 * Throws a TypeError for a value that does not exist.
 */
export const createAccess = (
  { accept, readOnly }: NamedAccess,
  transport: Transport,
  network: Transport = transport,
): Access => {
  const wanted = accept ?? (transport.seal ? 'any' : 'trusted')
  if (!network.trusted && networkOf(wanted) !== undefined)
    throw invalid(`accept is "${wanted}": this transport has no networks`, 'give "any" or "listed"')
  return new Access({
    accept: wanted === 'trusted' && !network.trusted ? 'any' : wanted,
    isOpenAtFirst: accept === undefined,
    readOnly,
    isGuest: (address) => transport.isPrivate?.(address) ?? false,
  })
}

/** Adds the rows. Rejects with the Failure of a name that has no address; an address needs no look-up. */
export const grantNamed = async (
  access: Access,
  { readOnlyPeers = [], banned = [] }: NamedAccess,
  transport: Transport,
): Promise<void> => {
  for (const name of readOnlyPeers) access.set(await transport.resolve(name), 'read_only')
  for (const name of banned) access.set(await transport.resolve(name), 'banned')
}

/** Do `wanted` options ask for something else than `given` ones? Absent options ask for nothing. */
export const differsIn = (given: NamedAccess, wanted: NamedAccess): boolean =>
  (['accept', 'readOnlyPeers', 'banned', 'readOnly'] as const).some(
    (name) =>
      wanted[name] !== undefined && JSON.stringify(wanted[name]) !== JSON.stringify(given[name]),
  )
