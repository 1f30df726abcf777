/**
 * Refuses documents of a second copy of Yjs, and says where the copies are. Node's modules are
 * looked up when they are needed, so this file also loads in browsers, where the paths are left out.
 *
 * ```js
 * checkDoc(doc)
 * // Failure, invalid_argument: there are two copies of Yjs: … pilot-gossip uses that in
 * // "/app/node_modules/yjs", loaded by import; another was loaded by require from "/app/node_modules/yjs"
 * ```
 */
import * as Y from 'yjs'
import { checkOwnDoc, ForeignDocError } from '../crdt/index.ts'
import { Failure } from './errors.ts'

/** The file that `require('yjs')` loads, below the folder of the package. */
const REQUIRED_FILE = /[\\/]dist[\\/]yjs\.cjs$/

/** The folder of the package if `path` is its file for `require`. */
const folderOf = (path: string): string | undefined =>
  REQUIRED_FILE.test(path) ? path.replace(REQUIRED_FILE, '') : undefined

/** Throws in a browser: the caller then leaves the paths out. */
const requireFrom = (path: string): NodeJS.Require =>
  process.getBuiltinModule('node:module').createRequire(path)

/** The folder of the package that the program itself would load. */
const programCopy = (): string | undefined => {
  const { resolve } = process.getBuiltinModule('node:path')
  const program = resolve(process.argv[1] ?? 'program.js')
  try {
    return folderOf(requireFrom(program).resolve('yjs'))
  } catch {
    return undefined // the program has none, or is not a file
  }
}

const describeCopies = (): string => {
  const ownRequire = requireFrom(import.meta.url)
  const path = ownRequire.resolve('yjs')
  const isRequired = ownRequire.cache[path]?.exports?.Doc === Y.Doc
  const how = isRequired ? 'by require' : 'by import'
  const own = `pilot-gossip uses that in ${JSON.stringify(folderOf(path) ?? path)}, loaded ${how}`
  const others = Object.keys(ownRequire.cache)
    .filter((loaded) => folderOf(loaded) !== undefined && !(isRequired && loaded === path))
    .map((loaded) => JSON.stringify(folderOf(loaded) ?? loaded))
  if (others.length > 0) return `${own}; another was loaded by require from ${others.join(', ')}`
  const found = programCopy()
  if (found !== undefined && found !== folderOf(path))
    return `${own}; the program has ${JSON.stringify(found)}`
  return `${own}; another was imported, or is in a bundle`
}

/** Where the copies are; empty if modules have no files, as in a bundle or a browser. */
const whereCopiesAre = (): string => {
  try {
    return `; ${describeCopies()}`
  } catch {
    return ''
  }
}

/**
 * Throws a Failure (invalid_argument) for a document of another copy of Yjs, and a TypeError for
 * anything that is not a document.
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
