/**
 * What a `pilotctl` can do, found out once when the transport opens. The payload of a
 * message goes by standard input where that works (from 1.17 on): it may be longer there,
 * and no other user of the host reads it in the list of processes.
 *
 * ```ts
 * readAbilities('1.18.0') // { version: '1.18.0', stdin: true, maxMessageBytes: 4194304 }
 * ```
 */

/**
 * Bytes of a message that travels as one argument. Linux starts no process with a single
 * argument above 131,071 bytes; the rest is a margin, and 120,000 were measured to pass
 * between all versions.
 */
const MAX_ARGUMENT_BYTES = 120_000

/**
 * Bytes of a message by standard input. pilotctl carries 67,104,768, but a message is held
 * whole and more than once by both ends, receivers up to 1.13.9 are sent it twice, and the
 * daemon's inbox holds 256 MiB for everyone: larger states are better sent in parts.
 */
const MAX_STDIN_BYTES = 4 * 1024 * 1024

export interface Abilities {
  /** as pilotctl tells it: `1.18.0`, or `dev` */
  readonly version: string
  /** does `--data -` read standard input? */
  readonly stdin: boolean
  readonly maxMessageBytes: number
}

/** `undefined` for `dev`, which is what 1.7.2 and 1.10.0 say. */
const parseVersion = (told: string): readonly [number, number] | undefined => {
  const match = /^v?(\d{1,6})\.(\d{1,6})(?:\D|$)/.exec(told)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

/** Must `send-message --help` be asked too? */
export const needsHelp = (told: string): boolean => parseVersion(told) === undefined

/**
 * From the answers to `version` and, where the version has no number, to
 * `send-message --help`. In doubt the answer is no: where `--data -` is not known, the
 * message that arrives is `-`.
 */
export const readAbilities = (told: string, help = ''): Abilities => {
  const parsed = parseVersion(told)
  const [major, minor] = parsed ?? [0, 0]
  const stdin = parsed
    ? major > 1 || (major === 1 && minor >= 17)
    : help.includes('"-" reads it from stdin')
  return {
    version: told,
    stdin,
    maxMessageBytes: stdin ? MAX_STDIN_BYTES : MAX_ARGUMENT_BYTES,
  }
}
