/**
 * The secret of a swarm, and the file that holds it: one secret a line, the newest first. Two are
 * valid at once, so that agents can be moved from one to the next one by one.
 *
 * ```ts
 * const [newest, former] = readSecretFile('/etc/pilot-gossip/kv.secret')
 * ```
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { Failure, invalid, toFailure } from '../../errors.ts'
import { quote } from '../../quote.ts'

/** Bytes of a new secret: as many as the keys that are made from it. */
const SECRET_BYTES = 32

/**
 * Characters. Keys are made from a secret without a slow hash, so it must be too long to be guessed:
 * 22 random letters and digits have 128 bits.
 */
const MIN_LENGTH = 22
const MAX_LENGTH = 1_024

/** The newest, and the one before it while agents change. */
const MAX_SECRETS = 2

/** Tells a person, and a scanner of repositories, what such a line is. */
const PREFIX = 'pgs_'

/** Permissions of others than the owner. */
const OTHERS = 0o077

const HINT = 'make one with: pilot-gossip secret new FILE'

/** A new secret: `pgs_` and 43 characters. */
export const newSecret = (): string => `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`

/** A secret is never quoted in a message: those end in logs. */
const checkSecret = (secret: string, where: string): string => {
  if (/\s/.test(secret)) throw invalid(`${where} contains white space`, HINT)
  if (secret.length >= MIN_LENGTH && secret.length <= MAX_LENGTH) return secret
  throw invalid(
    `${where} has ${secret.length} characters, not ${MIN_LENGTH} to ${MAX_LENGTH}`,
    HINT,
  )
}

/**
 * The secrets in a text, the newest first; lines that begin with # are comments. Throws a Failure
 * (invalid_argument) that says `where` they came from.
 */
export const parseSecrets = (text: string, where: string): readonly string[] => {
  const lines = text.split('\n').map((line) => line.trim())
  const secrets = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (secrets.length === 0) throw invalid(`${where} is empty`, HINT)
  if (secrets.length > MAX_SECRETS)
    throw invalid(
      `${where} has ${secrets.length} secrets, not 1 or ${MAX_SECRETS}`,
      'remove the oldest',
    )
  if (new Set(secrets).size < secrets.length)
    throw invalid(`${where} has the same secret twice`, 'remove one of the lines')
  return secrets.map((secret) => checkSecret(secret, where))
}

/** The secrets of that file. Throws a Failure: not_found, permission_denied, invalid_argument. */
export const readSecretFile = (path: string): readonly string[] => {
  const where = `the secret file ${quote(path)}`
  let text: string
  let mode: number
  try {
    mode = statSync(path).mode
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = toFailure(error)
    throw new Failure(code, `${where} cannot be read: ${(error as Error).message}`, {
      hint: HINT,
      cause: error,
    })
  }
  if (process.platform !== 'win32' && (mode & OTHERS) !== 0)
    throw new Failure('permission_denied', `${where} can be read by other users`, {
      hint: `run: chmod 600 ${path}`,
    })
  return parseSecrets(text, where)
}

/** What a program gives: one secret, or the newest and the former one. */
export type Secrets = string | readonly string[]

/** Checked secrets, the newest first. Throws a Failure (invalid_argument). */
export const checkSecrets = (secrets: Secrets): readonly string[] =>
  parseSecrets(typeof secrets === 'string' ? secrets : secrets.join('\n'), 'the secret')
