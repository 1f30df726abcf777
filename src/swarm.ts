/**
 * The name of a swarm. It also names a folder, a document and a Pilot tag, so it is kept to
 * what all of them take. Small on purpose: a one-shot command loads it too.
 *
 * ```js
 * checkSwarm('kv')         // 'kv'
 * ```
 */
import { Failure } from './errors.ts'

/** 64 characters are a guess: registries bound their tags, at a length they don't tell. */
const SWARM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Returns the name; throws a Failure (invalid_argument) unless it can name a swarm. */
export const checkSwarm = (name: string): string => {
  if (SWARM_NAME.test(name)) return name
  throw new Failure('invalid_argument', `swarm name "${name}" cannot be used`, {
    hint: 'use 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
  })
}
