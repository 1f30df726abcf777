/**
 * What hostile peers send, for those who merge Yjs updates of others: attacks as data, and a harness
 * that runs them against any document.
 *
 * ```ts
 * import { attack } from 'pilot-gossip/hostile'
 * import * as Y from 'yjs'
 *
 * const rows = attack(() => {
 *   const doc = new Y.Doc()
 *   return {
 *     writer: doc.clientID,
 *     apply: (update) => Y.applyUpdate(doc, update),
 *     read: () => doc.getMap('state').toJSON(),
 *     write: (key, value) => void doc.getMap('state').set(key, value),
 *     encode: () => Y.encodeStateAsUpdate(doc),
 *   }
 * })
 * console.log(rows.filter(({ isHarmed }) => isHarmed).map(({ name }) => name))
 * ```
 *
 * @module pilot-gossip/hostile
 */
export type { Attack, Expected, MessageAttack, Scene, UpdateAttack } from './attack.ts'
export { ATTACKS } from './attacks.ts'
export { type AttackOptions, type AttackRow, type AttackTarget, attack } from './harness.ts'
