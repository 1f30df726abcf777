/**
 * The errors that a caller gets. Each has a stable `code` to branch on, a message that quotes the wrong
 * value, and a `hint` that says what to do next.
 *
 * ```js
 * try { await transport.send('0:0000.0000.000B', text) }
 * catch (error) { if (isFailure(error, 'timeout')) backOff() }
 * ```
 */

/** The codes of `pilotctl`, with the same meaning, and some more. */
export type FailureCode =
  /** an option, key or value is not valid: the caller must change it */
  | 'invalid_argument'
  /** no such key, peer, folder or program */
  | 'not_found'
  /** the agent or the daemon that should answer is not running */
  | 'not_running'
  /** another agent already owns this data folder or address */
  | 'already_exists'
  /** somebody else holds the claim */
  | 'taken'
  /** a condition of the write does not hold: nothing was written */
  | 'conflict'
  /** the peer could not be reached */
  | 'connection_failed'
  /** no answer came in time; the message may still have arrived */
  | 'timeout'
  /** the peer takes messages from trusted nodes only */
  | 'trust_required'
  /** the operating system forbids reading or writing */
  | 'permission_denied'
  /** the disk is full, or a quota of this user or process is reached */
  | 'disk_full'
  /** data on disk was damaged */
  | 'damaged'
  /** the message is longer than this transport carries */
  | 'too_large'
  /** the receiver has the maximum of unread messages */
  | 'inbox_full'
  /** the maximum is in use: one must be given back first */
  | 'busy'
  /** the transport is closed, or was never opened */
  | 'closed'
  /** a defect of this package, or an unexpected answer */
  | 'internal'

/** The system's code of a thrown value, such as `ENOENT`; undefined if it has none. */
export const systemCodeOf = (error: unknown): unknown =>
  (error as { readonly code?: unknown } | null | undefined)?.code

export interface FailureOptions {
  /** What to do next: an imperative in lower case, without a full stop. */
  readonly hint?: string | undefined
  readonly cause?: unknown
  /** Is the cause on this side, so that every peer would meet it? Default false. */
  readonly isLocal?: boolean
}

export class Failure extends Error {
  override readonly name = 'Failure'
  readonly code: FailureCode
  readonly hint: string | undefined
  /** Is the cause on this side? Then no peer is to blame. */
  readonly isLocal: boolean

  constructor(code: FailureCode, message: string, options: FailureOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.isLocal = options.isLocal ?? false
  }
}

/** A value that its caller must change. */
export const invalid = (message: string, hint?: string, cause?: unknown): Failure =>
  new Failure('invalid_argument', message, { hint, cause })

/** One program may load this package twice: by `import` and by `require`, or as one file and as many. */
const isOfAnyCopy = (error: unknown): error is Failure =>
  error instanceof Failure ||
  (error instanceof Error && error.name === 'Failure' && typeof systemCodeOf(error) === 'string')

/** Is `error` a Failure, with this code if one is given? */
export const isFailure = (error: unknown, code?: FailureCode): error is Failure =>
  isOfAnyCopy(error) && (code === undefined || error.code === code)

/** Codes of the operating system and ours. */
const CODE_OF: ReadonlyMap<unknown, FailureCode> = new Map([
  ['EACCES', 'permission_denied'],
  ['EPERM', 'permission_denied'],
  ['EROFS', 'permission_denied'],
  ['ENOENT', 'not_found'],
  ['ENOSPC', 'disk_full'],
  ['EDQUOT', 'disk_full'],
  ['EFBIG', 'disk_full'],
])

/** How Node says that a package is missing, for `import` and for `require`. */
const MISSING_PACKAGE = /^Cannot find (?:package|module) '((?:@[^/']+\/)?[^./'][^/']*)[^']*'/

/** The package that could not be loaded; undefined for any other error. */
const missingPackageOf = (error: unknown): string | undefined => {
  const code = systemCodeOf(error)
  if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') return undefined
  return MISSING_PACKAGE.exec((error as Error).message)?.[1]
}

/** Any thrown value as a Failure, so that each reported error has a code. */
export const toFailure = (error: unknown): Failure => {
  if (isOfAnyCopy(error)) return error
  const missing = missingPackageOf(error)
  if (missing !== undefined) {
    return new Failure('not_found', `the package "${missing}" is not installed`, {
      hint: `run: npm install ${missing}`,
      cause: error,
    })
  }
  const message = error instanceof Error ? error.message : String(error)
  return new Failure(CODE_OF.get(systemCodeOf(error)) ?? 'internal', message, { cause: error })
}
