/**
 * The structs that a document's store holds, found by writer and clock.
 *
 * ```js
 * for (const struct of structsOf(doc, writer, { from: 0, to: 10 })) count += struct.length
 * ```
 */
import * as Y from 'yjs'
import type { ClockRun } from './delta.ts'
import { type StoredStruct, storedStructs } from './yjs-inner.ts'

/** The structs of one writer that hold clocks from `from` up to `to`. The first may begin earlier. */
export function* structsOf(
  doc: Y.Doc,
  writer: number,
  { from, to }: ClockRun,
): Generator<StoredStruct> {
  const structs = storedStructs(doc, writer)
  if (!structs || from >= Y.getState(doc.store, writer)) return
  for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
    const struct = structs[i]!
    if (struct.id.clock >= to) return
    yield struct
  }
}
