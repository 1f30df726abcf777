/**
 * The keys that are made from a swarm's secret (HKDF with SHA-256, RFC 5869): one for each sender,
 * and a tag, by which a message names the secret without giving away the swarm's name.
 *
 * ```ts
 * const keys = new SwarmKeys(secret, 'kv')
 * keys.tag                  // '3q2-7wUAAAA'
 * keys.of('0:0000.0000.000A')   // 32 bytes
 * ```
 */
import { hkdfSync } from 'node:crypto'

/** Another protocol, or another version of this one, gets other keys from the same secret. */
const SALT = 'pilot-gossip sealed 1'

const KEY_BYTES = 32

/** 64 bits: enough that no two swarms on one network share a tag by chance. */
const TAG_BYTES = 8

/** Senders whose keys are kept; the address of a stranger costs a place until the next one needs it. */
const MAX_KEPT = 4_096

export class SwarmKeys {
  /** 11 characters, the same for all agents of the swarm with this secret. */
  readonly tag: string
  readonly #secret: string
  readonly #swarm: string
  readonly #keys = new Map<string, Buffer>()

  constructor(secret: string, swarm: string) {
    this.#secret = secret
    this.#swarm = swarm
    this.tag = this.#derive('tag', '', TAG_BYTES).toString('base64url')
  }

  /** The key of all messages that `sender` seals. */
  of(sender: string): Buffer {
    const known = this.#keys.get(sender)
    if (known) return known
    const key = this.#derive('message', sender, KEY_BYTES)
    if (this.#keys.size >= MAX_KEPT) {
      const [oldest] = this.#keys.keys()
      this.#keys.delete(oldest!)
    }
    this.#keys.set(sender, key)
    return key
  }

  /** JSON keeps the three parts apart, whatever characters they have. */
  #derive(purpose: string, of: string, bytes: number): Buffer {
    const info = JSON.stringify([this.#swarm, purpose, of])
    return Buffer.from(hkdfSync('sha256', this.#secret, SALT, info, bytes))
  }
}
