/**
 * The file that holds the whole state of a document: one V2 update made through a `Y.Doc`, which
 * drops what was overwritten (100 keys overwritten 100,000 times: 1 KB; merged updates keep 984).
 *
 * ```ts
 * const { bytes, prove } = encodeState(doc)
 * await writeWhole(disk, dir, 'state-000004.bin', bytes, prove)
 * ```
 */
import { randomBytes } from 'node:crypto'
import * as Y from 'yjs'
import { digestSnapshot } from '../../crdt/index.ts'
import { Failure } from '../errors.ts'
import { nodePlatform } from '../platform.ts'
import { encodeHead, headBytes, MARKER_BYTES } from './head.ts'
import { encodeRecords, STATE_V2, scanRecords } from './record.ts'

export interface EncodedState {
  /** The whole file. */
  readonly bytes: Uint8Array
  /**
   * Throws a Failure unless `readBack` is that file and gives a document with the same state
   * vector and deletes. Costs as much time and memory as loading the document once more.
   */
  readonly prove: (readBack: Uint8Array) => void
}

const digestOf = (doc: Y.Doc): string => digestSnapshot(Y.snapshot(doc), nodePlatform)

export const encodeState = (doc: Y.Doc): EncodedState => {
  const marker = randomBytes(MARKER_BYTES)
  const record = encodeRecords(marker, STATE_V2, [Y.encodeStateAsUpdateV2(doc)])
  const digest = digestOf(doc)
  const prove = (readBack: Uint8Array): void => {
    const { payloads, end } = scanRecords(readBack, headBytes('state'), marker, STATE_V2)
    const [update] = payloads
    const copy = new Y.Doc()
    if (update && end === readBack.length) Y.applyUpdateV2(copy, update)
    const found = digestOf(copy)
    copy.destroy()
    if (update && end === readBack.length && found === digest) return
    throw new Failure(
      'internal',
      `the compacted state was read back with digest ${found} instead of ${digest}; the old files are kept`,
      { hint: 'Check the disk; if it is sound, please report this.' },
    )
  }
  return { bytes: Buffer.concat([encodeHead('state', marker), record]), prove }
}
