/**
 * Attacks by number: items, writers and levels that are each allowed, but together cost more than
 * their bytes.
 *
 * ```ts
 * CROWDS.map(({ name }) => name)
 * ```
 */
import { byUpdates, HOSTILE, times, type UpdateAttack } from './attack.ts'
import { forge, forged } from './forge.ts'

/** Items of each attack with `size` 1: a thousandth of what one message may have. */
const ITEMS = 2_000

/** Levels with `size` 1: more than a reader that recurses has stack for. */
const LEVELS = 20_000

export const CROWDS: readonly UpdateAttack[] = [
  byUpdates(
    {
      name: 'equal-items',
      description: 'many equal items of one writer, which deflate to nothing',
      expected: 'harmless',
      why: 'each takes some 250 bytes of memory and two of the update',
    },
    ({ size }) => [
      forge([
        {
          writer: HOSTILE,
          structs: times(size * ITEMS, () => forged.any({ parent: 'hostile list' }, [0])),
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'items-of-one-key',
      description: 'many values of one key by one writer, none of which knows of another',
      expected: 'harmless',
      why: 'Yjs compares each of them with all others',
    },
    ({ size, map }) => [
      forge([
        {
          writer: HOSTILE,
          structs: times(size * ITEMS, (i) => forged.any({ parent: map, key: 'crowded' }, [i])),
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'writers-of-one-key',
      description: 'values of one key by many writers, none of which knows of another',
      expected: 'harmless',
      why: 'Yjs compares each of them with all others, and keeps a place for each writer',
    },
    ({ size, map }) => [
      forge(
        times(size * ITEMS, (i) => ({
          writer: HOSTILE + i,
          structs: [forged.any({ parent: map, key: 'crowded' }, [i])],
        })),
      ),
    ],
  ),
  byUpdates(
    {
      name: 'crossing-items',
      description: 'items of two writers, each of which belongs beyond all of the other writer',
      expected: 'harmless',
      why: 'the place of each is found by a walk over all others',
    },
    ({ size }) => {
      const count = Math.round(size * 200)
      return [
        forge([
          {
            writer: HOSTILE + 2,
            structs: times(count, (i) => forged.any({ right: [HOSTILE, count - 1 - i] }, [i])),
          },
          {
            writer: HOSTILE,
            structs: times(count, (i) => forged.any({ parent: 'hostile list' }, [i])),
          },
        ]),
      ]
    },
  ),
  byUpdates(
    {
      name: 'nested-maps',
      description: 'shared maps, each within the one before',
      expected: 'harmless',
      why: 'a reader that visits them by recursion runs out of stack, and no entry can be read',
    },
    ({ size, map }) => [
      forge([
        {
          writer: HOSTILE,
          structs: times(size * LEVELS, (i) =>
            forged.map({ parent: i === 0 ? map : [HOSTILE, i - 1], key: 'deep' }),
          ),
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'nested-value',
      description: 'a value of 50,000 lists, each within the one before',
      expected: 'rejected',
      why: 'values are read and written by recursion; some programs could read it and others not',
    },
    ({ map }) => {
      const lists = times(50_000, () => [117, 1]).flat()
      const at = { parent: map, key: 'deep' }
      return [forge([{ writer: HOSTILE, structs: [forged.raw(8, at, [1, ...lists, 126])] }])]
    },
  ),
  byUpdates(
    {
      name: 'writers-without-structs',
      description: 'many writers that have written nothing',
      expected: 'hidden',
      why: 'each would take a place in every state vector',
    },
    ({ size }) => [forge(times(size * ITEMS, (i) => ({ writer: HOSTILE + i, structs: [] })))],
  ),
]
