/**
 * Documents of another copy of Yjs are refused at every door, with what is known of the copies.
 *
 * ```js
 * checkDoc(doc)
 * // Failure, invalid_argument: there are two copies of Yjs: … pilot-gossip uses that in
 * // "/app/node_modules/yjs", loaded by import; another was loaded by require from "/app/node_modules/yjs"
 * ```
 */
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import * as Y from 'yjs'
import { checkOwnDoc, ForeignDocError } from '../crdt/index.ts'
import { Failure } from './errors.ts'

/** The file that `require('yjs')` loads, inside of the package's folder. */
const REQUIRED = join('dist', 'yjs.cjs')

/** The folder of the package where that is the path of its file for `require`. */
const folderOf = (path: string): string | undefined =>
  path.endsWith(REQUIRED) ? dirname(dirname(path)) : undefined

const quote = (text: string): string => JSON.stringify(text)

/** The folder of the package that the program itself would load. */
const programCopy = (): string | undefined => {
  const program = resolve(process.argv[1] ?? 'program.js')
  try {
    return folderOf(createRequire(program).resolve('yjs'))
  } catch {
    return undefined // it has none, or is no file
  }
}

const describeCopies = (): string => {
  const ownRequire = createRequire(import.meta.url)
  const path = ownRequire.resolve('yjs')
  const isRequired = ownRequire.cache[path]?.exports?.Doc === Y.Doc
  const how = isRequired ? 'by require' : 'by import'
  const own = `pilot-gossip uses that in ${quote(folderOf(path) ?? path)}, loaded ${how}`
  const others = Object.keys(ownRequire.cache)
    .filter((loaded) => folderOf(loaded) !== undefined && !(isRequired && loaded === path))
    .map((loaded) => quote(folderOf(loaded) ?? loaded))
  if (others.length > 0) return `${own}; another was loaded by require from ${others.join(', ')}`
  const found = programCopy()
  if (found !== undefined && found !== folderOf(path))
    return `${own}; the program has ${quote(found)}`
  return `${own}; another was imported, or is in a bundle`
}

/** What is known of where the copies are; nothing where modules have no files, as in a bundle. */
const whereCopiesAre = (): string => {
  try {
    return `; ${describeCopies()}`
  } catch {
    return ''
  }
}

/**
 * Throws a Failure (invalid_argument) for a document of another copy of Yjs, and a TypeError for
 * what is no document.
 */
export const checkDoc = (doc: unknown): void => {
  try {
    checkOwnDoc(doc)
  } catch (error) {
    if (!(error instanceof ForeignDocError)) throw error
    const { code, hint, message } = error
    throw new Failure(code, `${message}${whereCopiesAre()}`, { hint, cause: error })
  }
}
