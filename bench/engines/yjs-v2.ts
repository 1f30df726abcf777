/** Raw Yjs with updates in V2. */
import * as Y from 'yjs'
import type { Engine } from './engine.ts'
import { createYjs, type Encoding } from './yjs.ts'

const encoding: Encoding = {
  event: 'updateV2',
  apply: (doc, update) => Y.applyUpdateV2(doc, update),
  encode: (doc) => Y.encodeStateAsUpdateV2(doc),
  merge: (updates) => Y.mergeUpdatesV2(updates),
}

export const yjsV2: Engine = {
  name: 'yjs-v2',
  about: 'raw Yjs, Y.applyUpdateV2 of bytes; nothing checked',
  converges: true,
  create: (writer) => createYjs(writer, encoding),
}
