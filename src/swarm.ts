/**
 * The name of a swarm. It also names a folder, a document and a Pilot tag, so it must be valid for all
 * of them. The module is small, since one-shot commands load it.
 *
 * ```js
 * checkSwarm('kv')         // 'kv'
 * ```
 */
import { Failure } from './errors.ts'

/** 64 characters are a guess: registries limit the length of tags, but do not document the limit. */
const SWARM_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** Returns the name. Throws a Failure (invalid_argument) if it is not valid. */
export const checkSwarm = (name: string): string => {
  if (SWARM_NAME.test(name)) return name
  throw new Failure('invalid_argument', `swarm name "${name}" cannot be used`, {
    hint: 'use 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit',
  })
}
