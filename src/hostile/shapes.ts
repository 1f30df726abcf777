/**
 * Attacks by shape: bytes that are not quite an update, of which Yjs merges a part before it fails.
 *
 * ```ts
 * SHAPES.map(({ name }) => name)
 * ```
 */
import * as Y from 'yjs'
import { seeded } from '../transports/memory/network.ts'
import { byUpdates, HOSTILE, times, type UpdateAttack } from './attack.ts'
import { forge, forged } from './forge.ts'

/** A short update of the hostile writer, with a delete. */
const sample = (map: string): Uint8Array =>
  forge(
    [
      {
        writer: HOSTILE,
        structs: [
          forged.any({ parent: map, key: 'evil' }, [{ a: 1, list: [1, 'two', null] }]),
          forged.any({ origin: [HOSTILE, 0] }, [2]),
          forged.map({ parent: map, key: 'evil map' }),
          forged.string({ parent: 'hostile text' }, 'some text'),
        ],
      },
    ],
    [[HOSTILE, 0, 1]],
  )

export const SHAPES: readonly UpdateAttack[] = [
  byUpdates(
    {
      name: 'truncated',
      description: "an honest peer's next update, cut off at each of its bytes",
      expected: 'rejected',
      why: 'Yjs merges the structs before it finds that the deletes are missing',
    },
    ({ update }) => times(update.length, (i) => update.slice(0, i)),
  ),
  byUpdates(
    {
      name: 'mutated',
      description: 'updates of a hostile writer in which a bit or a byte is wrong',
      expected: 'harmless',
      why: 'Yjs decodes many of them to something else, and fails on others halfway',
    },
    ({ size, map }) => {
      const random = seeded(1)
      const below = (bound: number): number => Math.floor(random() * bound)
      const bytes = sample(map)
      return times(size * 300, () => {
        const copy = new Uint8Array(bytes)
        // The ids of writers stay as they are: those of honest peers are any member's to use.
        const at = 8 + below(copy.length - 14)
        copy[at] = random() < 0.5 ? below(256) : copy[at]! ^ (1 << below(8))
        return copy
      })
    },
  ),
  byUpdates(
    {
      name: 'other-encoding',
      description: 'an update in the second encoding of Yjs',
      expected: 'rejected',
      why: 'some of them can be read in the first, as something else',
    },
    ({ map }) => {
      const doc = new Y.Doc()
      doc.clientID = HOSTILE
      for (const i of [1, 2, 3, 4, 5]) doc.getMap(map).set(`evil${i}`, 'value')
      return [Y.encodeStateAsUpdateV2(doc), Y.encodeStateAsUpdateV2(new Y.Doc())]
    },
  ),
  byUpdates(
    {
      name: 'trailing-bytes',
      description: 'an update with bytes behind its end',
      expected: 'rejected',
      why: 'two programs that read different parts of it would pass on different updates',
    },
    ({ map }) => [new Uint8Array([...sample(map), 0]), new Uint8Array([...sample(map), 1, 2, 3])],
  ),
  byUpdates(
    {
      name: 'announced-billions',
      description: 'an update that announces 2^50 writers, and one with 2^32 values',
      expected: 'rejected',
      why: 'a reader that makes room for them first has no memory left',
    },
    ({ map }) => [
      new Uint8Array([128, 128, 128, 128, 128, 128, 128, 1]),
      forge([
        {
          writer: HOSTILE,
          structs: [forged.raw(8, { parent: map, key: 'evil' }, [128, 128, 128, 128, 16])],
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'empty-structs',
      description: 'structs and deletes of no length',
      expected: 'rejected',
      why: 'Yjs fails halfway, or keeps what it never sends again',
    },
    ({ peer, map }) => [
      forge([{ writer: HOSTILE, structs: [forged.gc(0)] }]),
      forge([{ writer: HOSTILE, structs: [forged.deleted({ parent: map, key: 'evil' }, 0)] }]),
      forge([{ writer: HOSTILE, structs: [forged.string({ parent: 'hostile text' }, '')] }]),
      forge(
        [{ writer: HOSTILE, structs: [forged.any({ parent: map, key: 'evil' }, [1])] }],
        [[peer.writer, peer.clock, 0]],
      ),
    ],
  ),
  byUpdates(
    {
      name: 'collected-beginning',
      description: 'an item of a text, the beginning of which was sent as collected',
      expected: 'harmless',
      why: 'Yjs merges the writers before it, and fails where it looks for what is left of the rest',
    },
    () => [
      forge([{ writer: HOSTILE, structs: [forged.gc(2)] }]),
      forge([
        {
          writer: HOSTILE + 2,
          structs: [forged.string({ parent: 'hostile text' }, 'before')],
        },
        {
          writer: HOSTILE,
          structs: [forged.string({ parent: 'hostile text' }, 'some text')],
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'circles',
      description: 'structs that refer to themselves, to later ones, and to one another',
      expected: 'rejected',
      why: 'Yjs fails on the first kinds halfway, and keeps the last one for ever',
    },
    ({ map }) => [
      forge([
        {
          writer: HOSTILE,
          structs: [
            forged.any({ parent: map, key: 'evil' }, [1]),
            forged.any({ origin: [HOSTILE, 1] }, [1]),
          ],
        },
      ]),
      forge([
        { writer: HOSTILE, structs: [forged.any({ right: [HOSTILE, 2] }, [1]), forged.gc(5)] },
      ]),
      forge([
        { writer: HOSTILE, structs: [forged.any({ origin: [HOSTILE + 2, 0] }, [1])] },
        { writer: HOSTILE + 2, structs: [forged.any({ origin: [HOSTILE, 0] }, [1])] },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'writer-twice',
      description: 'an update with two runs of one writer',
      expected: 'rejected',
      why: 'one reader of Yjs takes the first, another one the last',
    },
    ({ map }) => [
      forge(
        [0, 1].map((clock) => ({
          writer: HOSTILE,
          clock,
          structs: [forged.any({ parent: map, key: `evil${clock}` }, [1])],
        })),
      ),
    ],
  ),
]
