/**
 * Attacks on hot entries (see docs/values.md): elements with stamps, counters and names that no
 * writer of this package makes. A program that does not read hot entries is not harmed.
 *
 * ```ts
 * HOT.map(({ name }) => name)
 * ```
 */
import { byUpdates, HOSTILE, type UpdateAttack } from './attack.ts'
import { forge, forged } from './forge.ts'

/** The root that holds the hot entries of all maps. */
const ROOT = 'pilot-gossip:hot'

/** The key of `attack` that the target writes itself, and the one of a number that a peer wrote. */
export const OWN_KEY = 'own'
export const COUNT_KEY = 'count'

/** A time of 2026 in units of 1/1024 ms, as stamps count it. */
const STAMP = 1_800_000_000_000 * 1024

/** One update with an array of the hostile writer that holds these elements. */
const elements = (...all: readonly (readonly unknown[])[]): Uint8Array[] => [
  forge([
    {
      writer: HOSTILE,
      structs: [
        // A shared type of kind 0: an array.
        forged.raw(7, { parent: ROOT, key: String(HOSTILE) }, [0]),
        forged.any({ parent: [HOSTILE, 0] }, all),
      ],
    },
  ]),
]

export const HOT: readonly UpdateAttack[] = [
  byUpdates(
    {
      name: 'endless-counter',
      description: 'parts of a counter that are infinite or not a number',
      expected: 'hidden',
      why: 'one such part makes every sum infinite, and no increment changes it again',
    },
    ({ map }) =>
      elements(
        [map, COUNT_KEY, STAMP, '+', Number.POSITIVE_INFINITY],
        [map, COUNT_KEY, STAMP, '+', Number.NaN],
        [map, COUNT_KEY, STAMP, '+', 10n],
      ),
  ),
  byUpdates(
    {
      name: 'stamps-ahead',
      description: 'a value of a hot key that the target writes, with the highest stamp there is',
      expected: 'hidden',
      why: 'it would win against every write from now on',
    },
    ({ map }) => elements([map, OWN_KEY, Number.MAX_SAFE_INTEGER, 'v', 'ahead']),
  ),
  byUpdates(
    {
      name: 'odd-elements',
      description: 'elements with fields of the wrong type, number and name',
      expected: 'hidden',
      why: 'readers that trust them fail on each key of the map',
    },
    ({ map }) =>
      elements(
        [],
        [map, OWN_KEY],
        [map, 1, STAMP, 'v', 1],
        [map, OWN_KEY, -1, 'v', 1],
        [map, OWN_KEY, 0.5, 'v', 1],
        [map, OWN_KEY, STAMP, '?', 1],
        [map, OWN_KEY, STAMP, '>', 1, [-1, 'x']],
        [map, '__proto__', STAMP, 'v', { evil: true }],
        ['pilot-gossip:hot', OWN_KEY, STAMP, 'v', 1],
      ),
  ),
]
