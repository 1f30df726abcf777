/**
 * What an address may do here: one table, which the inbox, the peers and repair ask. The transport
 * proves addresses; without a row an address has the rights of `accept`. Guests of this host always
 * take part, and write unless this agent itself is read-only.
 *
 * ```ts
 * const access = new Access({ accept: 'listed' })
 * access.set('bob', 'listed')
 * access.refusal('bob')       // undefined
 * access.refusal('mallory')   // 'not_accepted'
 * ```
 */

/** From the weakest row to the strongest: a stronger one is never replaced by a weaker one. */
const RIGHTS = ['listed', 'read_only', 'banned'] as const

export type Right = (typeof RIGHTS)[number]

/**
 * `any`: messages of every address that the transport proves. `listed`: of addresses in the table.
 * `trusted`: of those, too, that the transport itself trusts. `network:ID`: of the members of that
 * network instead.
 */
export type Accept = 'any' | 'listed' | 'trusted' | `network:${number}`

/** The id in `network:ID`; undefined for another text. 16 bits, and 0 is the network of every node. */
export const networkOf = (accept: string): number | undefined => {
  const [, id] = /^network:([1-9]\d{0,4})$/.exec(accept) ?? []
  return id !== undefined && Number(id) <= 0xffff ? Number(id) : undefined
}

export const isAccept = (accept: string): accept is Accept =>
  ['any', 'listed', 'trusted'].includes(accept) || networkOf(accept) !== undefined

export interface AccessOptions {
  /** Default: `any`. */
  readonly accept?: Accept | undefined
  /**
   * Is it as `any` until the transport trusts somebody? A node without trust would take messages of
   * nobody else; once there is trust, it decides from then on. Default false.
   */
  readonly isOpenAtFirst?: boolean | undefined
  /** Does this agent write nothing of its own, so that its guests write nothing either? Default false. */
  readonly readOnly?: boolean | undefined
  /** Is the address that of a program of this host, which takes part through this agent? */
  readonly isGuest?: (address: string) => boolean
}

export class Access {
  readonly readOnly: boolean
  readonly #accept: Accept
  readonly #isOpenAtFirst: boolean
  readonly #isGuest: (address: string) => boolean
  /** As many rows as the user named addresses: peers add none. */
  readonly #rights = new Map<string, Right>()
  /** Those of the transport, as it last named them. */
  #trusted: ReadonlySet<string> = new Set()
  /** Has the transport said that it trusts nobody, and never named anybody before? */
  #isOpen = false
  #hasTrusted = false

  /** Throws a TypeError for a value of `accept` that does not exist. */
  constructor({
    accept = 'any',
    isOpenAtFirst = false,
    readOnly = false,
    isGuest = () => false,
  }: AccessOptions = {}) {
    if (!isAccept(String(accept))) {
      throw new TypeError(
        `accept is "${String(accept)}": give "trusted", "listed", "network:ID" or "any"`,
      )
    }
    this.#accept = accept
    this.#isOpenAtFirst = isOpenAtFirst
    this.readOnly = readOnly
    this.#isGuest = isGuest
  }

  /** What it is now. */
  get accept(): Accept {
    return this.#isOpen ? 'any' : this.#accept
  }

  /** Adds a row for the address; of two rows the stronger one stays. */
  set(address: string, right: Right): void {
    const known = this.#rights.get(address)
    if (known && RIGHTS.indexOf(known) >= RIGHTS.indexOf(right)) return
    this.#rights.set(address, right)
  }

  /** Does the transport decide who is accepted? Then `trust` says whom. */
  get asksTransport(): boolean {
    return this.#accept !== 'any' && this.#accept !== 'listed'
  }

  /** Replaces the addresses that the transport trusts. Without a call: none. */
  trust(addresses: Iterable<string>): void {
    this.#trusted = new Set(addresses)
    // Trust that was withdrawn opens nothing.
    this.#hasTrusted ||= this.#trusted.size > 0
    this.#isOpen = this.#isOpenAtFirst && !this.#hasTrusted
  }

  /** Why nothing is taken from that address and nothing sent to it; undefined: it may be a peer. */
  refusal(address: string): 'banned' | 'not_accepted' | undefined {
    const right = this.#rights.get(address)
    if (right === 'banned') return 'banned'
    if (right || this.accept === 'any' || this.#isGuest(address)) return undefined
    return this.#trusted.has(address) ? undefined : 'not_accepted'
  }

  /** Are updates of that address refused? */
  isReadOnly(address: string): boolean {
    return this.#rights.get(address) === 'read_only' || (this.readOnly && this.#isGuest(address))
  }

  get banned(): string[] {
    return [...this.#rights].flatMap(([address, right]) => (right === 'banned' ? [address] : []))
  }
}
