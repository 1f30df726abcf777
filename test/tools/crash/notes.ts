/**
 * What a writer's disk has done, in lines that survive its death: the recorder (in the writer)
 * writes each before the operation's caller continues, and from them the harness knows which bytes
 * and which names a power failure could not have lost.
 *
 * ```ts
 * const ledger = readNotes(lines)
 * ledger.durable.get('/data/log/log-000001.bin') // 4711: bytes up to there were flushed
 * ```
 */
import { dirname } from 'node:path'

export type Note =
  /** An existing file of that length was opened for writing. */
  | { readonly type: 'opened'; readonly path: string; readonly length: number }
  | { readonly type: 'created'; readonly path: string }
  | { readonly type: 'truncated'; readonly path: string; readonly length: number }
  /** A flush has ended; its caller has not continued yet. */
  | { readonly type: 'synced'; readonly path: string; readonly length: number }
  /** Is about to be renamed. `undo` is a second name of the file that had the new name before. */
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly undo?: string }
  /** Is about to be removed. */
  | { readonly type: 'remove'; readonly path: string; readonly undo: string }
  /** The folder's names were flushed; the caller has not continued yet. */
  | { readonly type: 'synced_dir'; readonly dir: string }

/** A change of a name that a power failure may undo. */
export interface Undo {
  readonly path: string
  /** The path of the former file; undefined if there was none. */
  readonly former: string | undefined
}

export interface Knowledge {
  /** Path -> bytes that were flushed, of each file that was written to. */
  readonly durable: ReadonlyMap<string, number>
  /** In the order in which they were made; only the last ones can be undone alone. */
  readonly undos: readonly Undo[]
}

/** The initial `length` of a file counts as flushed: the writer has read and relied on it. */
export const readNotes = (notes: readonly Note[]): Knowledge => {
  const durable = new Map<string, number>()
  let undos: Undo[] = []
  for (const note of notes) {
    switch (note.type) {
      case 'opened':
        if (!durable.has(note.path)) durable.set(note.path, note.length)
        break
      case 'created':
        durable.set(note.path, 0)
        break
      case 'truncated':
        durable.set(note.path, Math.min(note.length, durable.get(note.path) ?? 0))
        break
      case 'synced':
        durable.set(note.path, note.length)
        break
      case 'rename': {
        const length = durable.get(note.from)
        if (length !== undefined) durable.set(note.to, length)
        undos.push({ path: note.to, former: note.undo })
        break
      }
      case 'remove':
        undos.push({ path: note.path, former: note.undo })
        break
      case 'synced_dir':
        undos = undos.filter(({ path }) => dirname(path) !== note.dir)
        break
    }
  }
  return { durable, undos }
}
