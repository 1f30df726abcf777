/**
 * What a writer's disk has done, in lines that survive its death: the recorder (in the writer)
 * says each before anybody else learns of it, and from them the harness knows which bytes and
 * which names a cut of the power could not have taken away.
 *
 * ```ts
 * const ledger = readNotes(lines)
 * ledger.durable.get('/data/log/log-000001.bin') // 4711: bytes up to there were flushed
 * ```
 */
import { dirname } from 'node:path'

export type Note =
  /** An existing file was opened for writing, and was so long. */
  | { readonly type: 'opened'; readonly path: string; readonly length: number }
  | { readonly type: 'created'; readonly path: string }
  | { readonly type: 'truncated'; readonly path: string; readonly length: number }
  /** A flush has ended; its caller does not know yet. */
  | { readonly type: 'synced'; readonly path: string; readonly length: number }
  /** Will be renamed now. `undo` is a second name of what bore the new name before. */
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly undo?: string }
  /** Will be removed now. */
  | { readonly type: 'remove'; readonly path: string; readonly undo: string }
  /** The folder's names were flushed; its caller does not know yet. */
  | { readonly type: 'synced_dir'; readonly dir: string }

/** A change of a name that a cut of the power may undo. */
export interface Undo {
  readonly path: string
  /** Where the former file is; undefined: there was none. */
  readonly former: string | undefined
}

export interface Knowledge {
  /** Path -> bytes that were flushed, of each file that was written to. */
  readonly durable: ReadonlyMap<string, number>
  /** In the order in which they were made; only the last ones can be undone without the others. */
  readonly undos: readonly Undo[]
}

/** `length` of a file is what it was when it was opened: whatever lay there had been found, and relied on. */
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
