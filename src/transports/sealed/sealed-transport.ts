/**
 * A transport that only those who know the swarm's secret can use: it seals what is sent, and opens
 * what arrives before anything reads it. Everything else is counted, reported and dropped.
 *
 * While agents change from one secret to the next, a message to a peer is sealed with the newer one
 * once the peer has shown that it knows it.
 *
 * ```ts
 * const transport = sealedOf(new MailboxTransport({ dir, address: 'a' }), secret, 'kv')
 * const agent = new Agent({ swarm: 'kv', transport })
 * ```
 */
import { now } from '../../clock.ts'
import { Failure } from '../../errors.ts'
import { quote } from '../../quote.ts'
import type { SealRefusal, SealStatus } from '../seal-status.ts'
import type { Incoming, Transport, TransportHooks } from '../transport.ts'
import { fittingBytes, openSealed, seal, tagOf } from './envelope.ts'
import { SwarmKeys } from './keys.ts'
import { Numbers, TakenNumbers } from './numbers.ts'
import { checkSecrets, type Secrets } from './secret.ts'

/** The sender has a newer secret than the one that seals this message. */
const KNOWS_NEWER = 1

/** Peers whose secret is known; more only means that some get the former one for a while. */
const MAX_PEERS = 10_000

const REASONS: Readonly<Record<SealRefusal, string>> = {
  unsealed: 'is not sealed',
  forged: 'was not sealed by it for this agent with the secret of the swarm',
  replayed: 'has come before',
}

/** Throws a Failure (too_large). */
const checkLength = (bytes: number, max: number): void => {
  if (bytes <= max) return
  throw new Failure('too_large', `a message of ${bytes} bytes: at most ${max} can be sealed`, {
    hint: 'write shorter values',
    isLocal: true,
  })
}

export class SealedTransport implements Transport {
  readonly swarm?: string
  readonly #inner: Transport
  /** The newest first. */
  readonly #keys: readonly SwarmKeys[]
  readonly #numbers = new Numbers(now)
  readonly #taken = new TakenNumbers()
  /** Whether a peer has shown that it knows the newest secret. */
  readonly #knowsNewest = new Map<string, boolean>()
  readonly #refused: Record<SealRefusal, number> = { unsealed: 0, forged: 0, replayed: 0 }
  readonly isPrivate?: (address: string) => boolean
  readonly canReach?: (address: string) => boolean
  readonly leave?: (handOverMs: number) => Promise<void>

  /** Throws a Failure (invalid_argument) for secrets that are not usable. */
  constructor(inner: Transport, secrets: Secrets, swarm: string) {
    this.#inner = inner
    this.#keys = checkSecrets(secrets).map((secret) => new SwarmKeys(secret, swarm))
    if (inner.swarm !== undefined) this.swarm = inner.swarm
    if (inner.isPrivate) this.isPrivate = (address) => inner.isPrivate!(address)
    if (inner.canReach) this.canReach = (address) => inner.canReach!(address)
    if (inner.leave) this.leave = (handOverMs) => inner.leave!(handOverMs)
  }

  get kind(): string {
    return this.#inner.kind
  }

  get address(): string {
    return this.#inner.address
  }

  get maxMessageBytes(): number {
    return fittingBytes(this.#inner.maxMessageBytes)
  }

  get seal(): SealStatus {
    const former = [...this.#knowsNewest].filter(([, knows]) => !knows).map(([peer]) => peer)
    return {
      secrets: this.#keys.length,
      former: this.#keys.length > 1 ? former.sort() : [],
      refused: { ...this.#refused },
    }
  }

  /** Are secrets and swarm the same? */
  hasKeysOf(other: SealedTransport): boolean {
    const tagsOf = (keys: readonly SwarmKeys[]): string => keys.map(({ tag }) => tag).join()
    return tagsOf(this.#keys) === tagsOf(other.#keys)
  }

  open(hooks: TransportHooks): Promise<void> {
    const { receiveAll } = hooks
    return this.#inner.open({
      // An open message for the swarm is taken, too, so that it does not stay in a shared inbox.
      accepts: (text) => this.#keysOf(text) !== undefined || hooks.accepts(text),
      onProblem: (problem) => hooks.onProblem(problem),
      receive: (incoming) => {
        const [opened] = this.#openAll([incoming], hooks)
        return opened && hooks.receive(opened)
      },
      ...(receiveAll && {
        receiveAll: (batch, waiting) => {
          const opened = this.#openAll(batch, hooks)
          return opened.length > 0 ? hooks.receiveAll?.(opened, waiting) : undefined
        },
      }),
    })
  }

  async send(to: string, text: string): Promise<void> {
    const [newest, former] = this.#keys
    const knows = former === undefined || this.#knowsNewest.get(to) === true
    const keys = knows ? newest! : former
    const route = { from: this.address, to }
    checkLength(Buffer.byteLength(text), this.maxMessageBytes)
    const sealed = seal(keys, route, this.#numbers.next(), text, knows ? 0 : KNOWS_NEWER)
    // A text that hardly compresses may be longer when it is sealed.
    checkLength(sealed.length, this.#inner.maxMessageBytes)
    await this.#inner.send(to, sealed)
  }

  discover(): Promise<readonly string[]> {
    return this.#inner.discover()
  }

  resolve(name: string): Promise<string> {
    return this.#inner.resolve(name)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  /** The keys of the secret that the message names; undefined if it names none of ours. */
  #keysOf(text: string): SwarmKeys | undefined {
    const tag = tagOf(text)
    return tag === undefined ? undefined : this.#keys.find((keys) => keys.tag === tag)
  }

  #openAll(batch: readonly Incoming[], hooks: TransportHooks): Incoming[] {
    return batch.flatMap((incoming) => {
      const opened = this.#open(incoming)
      if (typeof opened !== 'string') return hooks.accepts(opened.text) ? opened : []
      this.#refused[opened]++
      const message = `a message from ${quote(incoming.from)} ${REASONS[opened]}`
      // A transport may deliver a message twice: that is no fault.
      if (opened !== 'replayed')
        hooks.onProblem(
          new Failure('trust_required', message, {
            hint: 'give all agents of the swarm the same secret',
          }),
        )
      return []
    })
  }

  #open({ from, text }: Incoming): Incoming | SealRefusal {
    const keys = this.#keysOf(text)
    if (!keys) return 'unsealed'
    const opened = openSealed(keys, { from, to: this.address }, text)
    if (!opened) return 'forged'
    if (!this.#taken.take(from, opened.number)) return 'replayed'
    this.#note(from, keys === this.#keys[0] || (opened.flags & KNOWS_NEWER) !== 0)
    return { from, text: opened.text }
  }

  #note(peer: string, knowsNewest: boolean): void {
    if (this.#keys.length === 1) return
    if (this.#knowsNewest.size >= MAX_PEERS && !this.#knowsNewest.has(peer)) return
    this.#knowsNewest.set(peer, knowsNewest)
  }
}

const sealed = new WeakMap<Transport, SealedTransport>()

/**
 * The sealed transport over `inner`, or `inner` itself without secrets. It is the same one for the
 * same transport, secrets and swarm, so that all who use it still meet.
 */
export const sealedOf = (
  inner: Transport,
  secrets: Secrets | undefined,
  swarm: string,
): Transport => {
  if (secrets === undefined) return inner
  const known = sealed.get(inner)
  const made = new SealedTransport(inner, secrets, swarm)
  if (known?.hasKeysOf(made)) return known
  sealed.set(inner, made)
  return made
}
