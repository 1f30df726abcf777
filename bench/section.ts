/**
 * The parts of a bench run, in the order in which they are run and shown. A run may be of some
 * of them alone.
 *
 * ```ts
 * parseSections('overwrites,commits')     // ['overwrites', 'commits']
 * ```
 */
import { Failure } from '../src/errors.ts'

export const SECTIONS = [
  'merges',
  'lost',
  'b3',
  'heap',
  'overwrites',
  'start-up',
  'commits',
] as const

export type Section = (typeof SECTIONS)[number]

const isSection = (name: string): name is Section => (SECTIONS as readonly string[]).includes(name)

/** Names separated by commas. Throws a Failure (invalid_argument) for one that is none. */
export const parseSections = (text: string): readonly Section[] =>
  text.split(',').map((name) => {
    if (isSection(name)) return name
    throw new Failure('invalid_argument', `--only "${name}" is no section`, {
      hint: `give some of ${SECTIONS.join(',')}`,
    })
  })
