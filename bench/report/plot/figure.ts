/** A picture with a name: of its file, and of its place in the page. */
import type { Picture } from './picture.ts'

export interface Figure {
  /** Letters, digits and hyphens; unique within a result. */
  readonly id: string
  readonly picture: Picture
}

/** `text` as it can stand in a file's name: `Delta of 1 key` is `delta-of-1-key`. */
const slugOf = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

/** No figure where there was nothing to draw. */
export const figureOf = (id: string, picture: Picture | null): Figure[] =>
  picture === null ? [] : [{ id: slugOf(id), picture }]
