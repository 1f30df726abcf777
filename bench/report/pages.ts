/**
 * The pages with generated parts. Such a part stands between two comments that carry its name; the
 * rest of a page is written by hand and stays as it is.
 *
 * ```ts
 * for (const { path, text } of renderPages(root, readResults(dir))) writeFileSync(path, text)
 * ```
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { Failure } from '../../src/errors.ts'
import { createPart, PART_NAMES, type PartName } from './parts.ts'
import type { Results } from './results.ts'

export const PLOTS = 'bench/plots'

const markersOf = (name: PartName): readonly [begin: string, end: string] => [
  `<!-- ${name}: what follows is written by \`npm run bench:readme\` -->\n`,
  `<!-- ${name}: end -->`,
]

const invalidMarkers = (page: string, name: PartName): Failure =>
  new Failure(
    'invalid_argument',
    `${page} has the markers of "${name}" twice, or only one of them`,
    {
      hint: `put each of these lines once, in this order: ${markersOf(name).join(' ').replace('\n', '')}`,
    },
  )

/** Throws a Failure (invalid_argument) unless both markers stand there once, in order, or neither does. */
export const replacePart = (page: string, text: string, name: PartName, part: string): string => {
  const [begin, end] = markersOf(name)
  const [before = '', after, ...more] = text.split(begin)
  const [old, rest, ...others] = (after ?? before).split(end)
  if (after === undefined && rest === undefined) return text
  if (
    after === undefined ||
    old === undefined ||
    rest === undefined ||
    more.length + others.length > 0
  )
    throw invalidMarkers(page, name)
  return `${before}${begin}${part}${end}${rest}`
}

/** README.md and the pages below docs, relative to `root`. */
const findPages = (root: string): string[] => {
  const docs = join(root, 'docs')
  const names = existsSync(docs) ? readdirSync(docs, { recursive: true, encoding: 'utf8' }) : []
  return ['README.md', ...names.map((name) => `docs/${name.replaceAll('\\', '/')}`)]
    .filter((name) => name.endsWith('.md'))
    .sort()
}

export interface Page {
  /** Relative to the root. */
  readonly path: string
  readonly parts: readonly PartName[]
  readonly text: string
}

/**
 * All pages with generated parts, as they should be. With `target`, the performance part is written
 * to that page alone. Throws a Failure (invalid_argument) if no page has its markers.
 */
export const renderPages = (root: string, results: Results, target?: string): Page[] => {
  const pages = findPages(root).flatMap((path): Page[] => {
    const plots = posix.relative(posix.dirname(path), PLOTS)
    let text = readFileSync(join(root, path), 'utf8')
    const parts = PART_NAMES.filter(
      (name) =>
        text.includes(markersOf(name)[0]) &&
        (name !== 'performance' || target === undefined || target === path),
    )
    for (const name of PART_NAMES) {
      const part = parts.includes(name) ? createPart(name, results, plots) : undefined
      text = part === undefined ? text : replacePart(path, text, name, part)
    }
    return parts.length > 0 ? [{ path, parts, text }] : []
  })
  if (pages.some(({ parts }) => parts.includes('performance'))) return pages
  throw new Failure('invalid_argument', `${target ?? 'no page'} has the markers of "performance"`, {
    hint: `put these lines into a page: ${markersOf('performance').join(' ').replace('\n', '')}`,
  })
}
