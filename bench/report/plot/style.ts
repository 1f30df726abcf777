/**
 * How series are told apart: by marker alone, and by colour with dashes alone. What belongs
 * together (`yjs-v1`, `yjs-v2`) has one colour and differs in its dashes.
 *
 * ```ts
 * const styles = createStyles(['yjs-v1', 'yjs-v2', 'loro'])
 * styles.get('yjs-v2')      // { colour: 1, dashes: '7 4', marker: 'square', isOurs: false }
 * ```
 */
import { unique } from '../../runner/unique.ts'

const MARKERS = [
  'circle',
  'square',
  'up',
  'diamond',
  'down',
  'cross',
  'plus',
  'ring',
  'box',
  'hollow',
] as const

export type Marker = (typeof MARKERS)[number]

export interface Style {
  /** An index of `COLOURS`; the class of an element that has it is `c` and this. */
  readonly colour: number
  /** As in stroke-dasharray; empty for a whole line. */
  readonly dashes: string
  readonly marker: Marker
  /** Drawn with a thicker line. */
  readonly isOurs: boolean
}

export type Styles = ReadonlyMap<string, Style>

/**
 * Okabe and Ito's colours, which people with any colour-blindness tell apart. Yellow, too faint on
 * white, comes last; the colour of the text is their black, which must be white on black.
 */
export const COLOURS: readonly string[] = [
  '#d55e00',
  '#0072b2',
  '#009e73',
  '#e69f00',
  '#cc79a7',
  'var(--text)',
  '#56b4e9',
  '#f0e442',
]

const DASHES: readonly string[] = ['', '7 4', '2 3', '9 3 2 3']

/** The family whose lines are what the page is about; it has the first colour. */
const OURS = 'pilot'

/** What stands before the first space, comma or hyphen. */
const firstWordOf = (name: string): string => name.split(/[ ,-]/, 1)[0] ?? name

/** A style for each name, the same one for the same names in the same order. */
export const createStyles = (
  names: readonly string[],
  familyOf: (name: string) => string = firstWordOf,
): Styles => {
  const once = unique(names)
  const others = unique(once.map(familyOf)).filter((family) => family !== OURS)
  return new Map(
    once.map((name, index): [string, Style] => {
      const family = familyOf(name)
      const siblings = once.filter((other) => familyOf(other) === family)
      // The first colour is kept for ours, which may be missing.
      const colour = family === OURS ? 0 : 1 + (others.indexOf(family) % (COLOURS.length - 1))
      return [
        name,
        {
          colour,
          dashes: DASHES[siblings.indexOf(name) % DASHES.length]!,
          marker: MARKERS[index % MARKERS.length]!,
          isOurs: family === OURS,
        },
      ]
    }),
  )
}

/** The style of a name that had none at first: never an error, for a picture is better than none. */
export const styleOf = (styles: Styles, name: string): Style =>
  styles.get(name) ?? { colour: 5, dashes: '', marker: 'circle', isOurs: false }
