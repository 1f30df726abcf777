/**
 * Attacks by content: keys, values and subdocuments that Yjs takes and that readers or writers of
 * the document then fail on.
 *
 * ```ts
 * CONTENTS.map(({ name }) => name)
 * ```
 */
import { byUpdates, HOSTILE, type UpdateAttack } from './attack.ts'
import { forge, forged, type Struct } from './forge.ts'

/** Units of a key that no reader should have to show. */
const ENDLESS = 4_000_000

const by = (...structs: Struct[]): Uint8Array[] => [forge([{ writer: HOSTILE, structs }])]

const GUIDS: Readonly<Record<string, unknown>> = {
  null: null,
  bigint: 1n,
  list: [1],
  object: { toString: 1, valueOf: 1 },
}

export const CONTENTS: readonly UpdateAttack[] = [
  ...Object.entries(GUIDS).map(([type, guid]) =>
    byUpdates(
      {
        name: `subdocument-guid-${type}`,
        description: `a subdocument whose id is not text (${type})`,
        expected: 'rejected',
        why: 'Yjs writes the id as text: the document could not be sent or saved any more',
      },
      ({ map }) => by(forged.subdocument({ parent: map, key: 'sub' }, { guid })),
    ),
  ),
  byUpdates(
    {
      name: 'subdocument-odd-options',
      description: 'a subdocument whose options are of odd types, and one without any',
      expected: 'harmless',
      why: 'options are any value, and some become fields of the subdocument',
    },
    ({ map }) =>
      by(
        forged.subdocument({ parent: map, key: 'sub' }, { gc: 1, meta: [1n], collectionid: {} }),
        forged.subdocument({ parent: map, key: 'odd' }, 'odd'),
      ),
  ),
  ...['__proto__', 'constructor', 'prototype'].map((key) =>
    byUpdates(
      {
        name: `key-${key.replaceAll('_', '')}`,
        description: `an entry with the key ${key}, and values with such a key`,
        expected: 'harmless',
        why: 'a reader that assigns it changes the prototype of what it returns',
      },
      ({ map }) => {
        const evil = Object.fromEntries([[key, { evil: true }]])
        return by(
          forged.any({ parent: map, key }, [{ evil: true }]),
          forged.any({ parent: map, key: 'value' }, [{ a: [evil] }]),
          forged.json({ parent: map, key: 'json' }, [`{${JSON.stringify(key)}:{"evil":true}}`]),
          forged.any({ parent: key }, [1]),
        )
      },
    ),
  ),
  byUpdates(
    {
      name: 'endless-key',
      description: 'an entry whose key has four million characters',
      expected: 'hidden',
      why: 'each listing and each change would repeat it',
    },
    ({ map }) => by(forged.any({ parent: map, key: 'e'.repeat(ENDLESS) }, [1])),
  ),
  byUpdates(
    {
      name: 'odd-values',
      description: 'entries of every kind of content that no map is given',
      expected: 'harmless',
      why: 'a format has no value, and others are none of JSON: readers fail on them',
    },
    ({ map }) => {
      const at = (key: string) => ({ parent: map, key })
      return by(
        forged.any(at('undefined'), [undefined]),
        forged.any(at('number'), [Number.NaN]),
        forged.any(at('endless'), [Number.POSITIVE_INFINITY]),
        forged.any(at('bigint'), [1n]),
        forged.any(at('bytes'), [new Uint8Array([1])]),
        forged.embed(at('embed'), '{"a":1}'),
        forged.format(at('format'), 'bold', 'true'),
        forged.string(at('string'), 'text'),
        forged.json(at('json'), ['undefined']),
        forged.deleted(at('deleted'), 3),
      )
    },
  ),
  byUpdates(
    {
      name: 'list-item-in-map',
      description: 'an item without a key under the root that is a map',
      expected: 'hidden',
      why: 'the root is a map and a list at once, and readers take it for the wrong one',
    },
    ({ map }) => by(forged.any({ parent: map }, [1, 2, 3]), forged.string({ parent: map }, 'text')),
  ),
]
