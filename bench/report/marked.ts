/**
 * Parts of the README that are written by `npm run bench:readme`, each between two comments that
 * carry its name. The rest of the README is written by hand and stays as it is.
 *
 * ```ts
 * writeFileSync('README.md', replacePart(readme, 'performance', text))
 * ```
 */
import { Failure } from '../../src/errors.ts'

export type PartName = 'overwrites' | 'performance'

const markersOf = (name: PartName): readonly [begin: string, end: string] => [
  `<!-- ${name}: what follows is written by \`npm run bench:readme\` -->\n`,
  `<!-- ${name}: end -->`,
]

/** What is before, between and after the markers. Throws a Failure where they are not there once, in order. */
const split = (readme: string, name: PartName): readonly [string, string, string] => {
  const [begin, end] = markersOf(name)
  const [before, after, ...more] = readme.split(begin)
  const [part, rest, ...others] = (after ?? '').split(end)
  if (
    before === undefined ||
    part === undefined ||
    rest === undefined ||
    more.length + others.length > 0
  ) {
    throw new Failure(
      'invalid_argument',
      `docs/performance.md lacks "${begin.trimEnd()}" or "${end}", or has one twice`,
      { hint: 'put the two lines where that part is to be' },
    )
  }
  return [before, part, rest]
}

/** The README with another text between the markers. Throws a Failure where they are not there once, in order. */
export const replacePart = (readme: string, name: PartName, text: string): string => {
  const [begin, end] = markersOf(name)
  const [before, , rest] = split(readme, name)
  return `${before}${begin}${text}${end}${rest}`
}

/** What is between the markers. Throws as `replacePart` does. */
export const readPart = (readme: string, name: PartName): string => split(readme, name)[1]
