/**
 * Examples in prose: the fenced code blocks of Markdown pages and of comments.
 *
 * ```ts
 * fencesOf('README.md', text)       // [{ file: 'README.md', line: 57, language: 'ts', isRun: false, code: … }]
 * ```
 */
import { readdirSync, readFileSync } from 'node:fs'

export interface Fence {
  /** Path from the project's root. */
  readonly file: string
  /** The line of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  /** Does `run` follow the language? Then it runs by itself, to its end. */
  readonly isRun: boolean
  readonly code: string
}

const FENCE = /^```(\w*)([^\n]*)\n(.*?)^```/gms
const COMMENT = /\/\*\*.*?\*\//gs
/** The prefix of a comment's line. */
const MARGIN = /^[ \t]*\/?\*+(?: |$)/gm

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

const inText = (file: string, text: string, before: number): Fence[] =>
  [...text.matchAll(FENCE)].map(({ index, 1: language = '', 2: words = '', 3: code = '' }) => ({
    file,
    line: before + lineAt(text, index) + 1,
    language,
    isRun: words.split(/\s+/).includes('run'),
    code,
  }))

/** All blocks of a page, or of the comments of a TypeScript file. */
export const fencesOf = (file: string, text: string): Fence[] =>
  file.endsWith('.md')
    ? inText(file, text, 0)
    : [...text.matchAll(COMMENT)].flatMap(({ index, 0: comment }) =>
        inText(file, comment.replaceAll(MARGIN, ''), lineAt(text, index) - 1),
      )

/** Blocks in TypeScript or JavaScript. */
export const isCode = ({ language }: Fence): boolean => language === 'ts' || language === 'js'

/** Folders that are generated or not ours. */
const FOREIGN = /(?:^|\/)(?:node_modules|dist|\.cache|\.git)(?:\/|$)/

/** Paths of our files with that ending, from the root, sorted. */
export const filesOf = (root: string, ending: string): string[] =>
  readdirSync(root, { withFileTypes: true })
    .filter(({ name }) => !FOREIGN.test(name))
    .flatMap((entry) =>
      entry.isDirectory()
        ? readdirSync(`${root}${entry.name}`, { recursive: true, encoding: 'utf8' }).map(
            (path) => `${entry.name}/${path}`,
          )
        : [entry.name],
    )
    .filter((path) => path.endsWith(ending) && !FOREIGN.test(path))
    .sort()

/** All blocks of our files with that ending. */
export const readFences = (root: string, ending: string): Fence[] =>
  filesOf(root, ending).flatMap((file) => fencesOf(file, readFileSync(`${root}${file}`, 'utf8')))
