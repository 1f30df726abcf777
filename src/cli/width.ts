/**
 * How many columns of a terminal a text takes: 日 takes two, an accent that is put onto the letter
 * before it takes none, and a family of four emoji joined into one takes two.
 *
 * ```ts
 * widthOf('日本')     // 4
 * cut('日本語', 5)    // '日本…'
 * ```
 *
 * Terminals differ where a font or a version does; this is what Unicode recommends (UAX #11 and
 * UTS #51): ambiguous characters take one column.
 */

const PLAIN = /^[\x20-\x7e]*$/

/** Takes no column: marks, and what is never seen; but for the soft hyphen, which terminals show. */
const ZERO = /^(?!\u00ad)[\p{Mark}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7ff]$/u

/** Shown as an emoji, by itself or since it is followed by the selector of that. */
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u

/** Of East_Asian_Width wide or fullwidth, without the emoji; whole blocks, with what is unassigned in them. */
const WIDE =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u3247\u3250-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]$/u

let segmenter: Intl.Segmenter | undefined

/** What a reader takes for one character each. */
function* charactersOf(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  for (const { segment } of segmenter.segment(text)) yield segment
}

const widthOfCharacter = (character: string): number => {
  if (EMOJI.test(character)) return 2
  let width = 0
  for (const point of character) if (!ZERO.test(point)) width += WIDE.test(point) ? 2 : 1
  return width
}

/** The columns that a text without control characters takes. */
export const widthOf = (text: string): number => {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of charactersOf(text)) width += widthOfCharacter(character)
  return width
}

/** Cuts to `width` columns, the last of them an ellipsis; no character is cut in two. */
export const cut = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const character of charactersOf(text)) {
    left -= widthOfCharacter(character)
    if (left < 0) break
    kept += character
  }
  return `${kept}…`
}
