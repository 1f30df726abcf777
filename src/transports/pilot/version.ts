/**
 * What a `pilotctl` can do, determined when the transport opens. From 1.17 on the payload of a
 * message goes through standard input: it may be longer there, and other users of the host do not
 * see it in the process list.
 *
 * ```ts
 * readAbilities('1.18.0') // { version: '1.18.0', stdin: true, maxMessageBytes: 4194304 }
 * ```
 */

/**
 * Bytes of a message that is passed as one argument. Linux limits a single argument to 131,071
 * bytes; the rest is a margin, and 120,000 were measured to pass between all versions.
 */
const MAX_ARGUMENT_BYTES = 120_000

/**
 * Bytes of a message through standard input. pilotctl carries 67,104,768, but both ends hold
 * several copies of a message, receivers up to 1.13.9 get it twice, and the daemon's inbox holds
 * 256 MiB for all programs: larger states are better sent in parts.
 */
const MAX_STDIN_BYTES = 4 * 1024 * 1024

export interface Abilities {
  /** as pilotctl reports it: `1.18.0`, or `dev` */
  readonly version: string
  /** does `--data -` read standard input? */
  readonly stdin: boolean
  readonly maxMessageBytes: number
}

/** Undefined for `dev`, which 1.7.2 and 1.10.0 report. */
const parseVersion = (version: string): readonly [number, number] | undefined => {
  const match = /^v?(\d{1,6})\.(\d{1,6})(?:\D|$)/.exec(version)
  return match ? [Number(match[1]), Number(match[2])] : undefined
}

/** Is `send-message --help` needed too? */
export const needsHelp = (version: string): boolean => parseVersion(version) === undefined

/**
 * Reads the answers to `version` and, if that has no number, to `send-message --help`. In doubt
 * `stdin` is false: a pilotctl that does not know `--data -` sends the text `-`.
 */
export const readAbilities = (version: string, help = ''): Abilities => {
  const parsed = parseVersion(version)
  const [major, minor] = parsed ?? [0, 0]
  const stdin = parsed
    ? major > 1 || (major === 1 && minor >= 17)
    : help.includes('"-" reads it from stdin')
  return {
    version,
    stdin,
    maxMessageBytes: stdin ? MAX_STDIN_BYTES : MAX_ARGUMENT_BYTES,
  }
}
