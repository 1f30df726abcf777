/**
 * Three functions that this folder needs and pure JavaScript does not do well. They are passed in,
 * so `crdt` runs wherever Yjs runs. `src/platform.ts` has those of Node.
 *
 * ```ts
 * const platform: Platform = { sha256, deflate, inflate }
 * ```
 */
export interface Platform {
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array
  /** Raw DEFLATE (RFC 1951). */
  deflate(bytes: Uint8Array): Uint8Array
  /** Inverse of `deflate`. Throws on damage, and as soon as the result would exceed `maxBytes`. */
  inflate(bytes: Uint8Array, maxBytes: number): Uint8Array
}
