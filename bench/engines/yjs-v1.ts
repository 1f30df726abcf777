/** Raw Yjs with updates in V1. */
import * as Y from 'yjs'
import type { Engine } from './engine.ts'
import { createYjs, type Encoding } from './yjs.ts'

const encoding: Encoding = {
  event: 'update',
  apply: (doc, update) => Y.applyUpdate(doc, update),
  encode: (doc) => Y.encodeStateAsUpdate(doc),
  merge: (updates) => Y.mergeUpdates(updates),
}

export const yjsV1: Engine = {
  name: 'yjs-v1',
  about: 'raw Yjs, Y.applyUpdate of bytes; nothing checked',
  converges: true,
  create: (writer) => createYjs(writer, encoding),
}
