/**
 * The data folder of a dead writer, read from a copy: no peer can have helped, and nothing is
 * changed.
 *
 * ```ts
 * const { found, problems } = await lookAt(writerFolder(dir), spare)
 * ```
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import * as Y from 'yjs'
import { LogStore } from '../../../src/store/log/log-store.ts'
import { parseName } from '../../../src/store/log/names.ts'
import { restore, type StoreProblem } from '../../../src/store/store.ts'
import { type WriterRecord, writerId } from '../../../src/store/writer.ts'
import { type Found, foundIn } from './operations.ts'

export interface OnDisk {
  readonly found: Found
  /** The whole document as one V1 update. */
  readonly update: Uint8Array
  readonly problems: readonly StoreProblem[]
  /** Compactions that have begun. */
  readonly generation: number
  /** The writer id in the folder; undefined before it has one. */
  readonly writer: number | undefined
}

export const lookAt = async (dir: string, spare: string): Promise<OnDisk> => {
  rmSync(spare, { recursive: true, force: true })
  if (existsSync(join(dir, 'log'))) cpSync(join(dir, 'log'), spare, { recursive: true })
  const names = existsSync(spare) ? readdirSync(spare) : []
  const store = new LogStore({ dir: spare })
  const loaded = await store.load()
  const doc = new Y.Doc()
  const { problems } = restore(doc, loaded)
  await store.close()
  const path = join(dir, 'writer.json')
  const record = existsSync(path)
    ? (JSON.parse(readFileSync(path, 'utf8')) as WriterRecord)
    : undefined
  return {
    found: foundIn(doc),
    update: Y.encodeStateAsUpdate(doc),
    problems,
    generation: Math.max(0, ...names.map((name) => parseName(name)?.generation ?? 0)),
    writer: record && writerId(record.node, record.incarnation),
  }
}
