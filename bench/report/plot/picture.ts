/**
 * A picture: an SVG with a title and with colours for light and dark. In the page it shares the
 * page's style sheet; as a file it has its own, and a ground, for it does not know what it lies on.
 *
 * ```ts
 * writeFileSync('a.svg', toFile({ title: 'Bytes', width: 560, height: 300, body }))
 * ```
 */
import { type Child, element, type Markup, raw, render } from './markup.ts'
import { PICTURE_CSS, ROOT_CSS } from './theme.ts'

export interface Picture {
  readonly title: string
  readonly width: number
  readonly height: number
  readonly body: Child
}

/** Pixels from the top to the line on which the title stands. */
const TITLE_Y = 21

/** Pixels that the title takes. */
export const TITLE_HEIGHT = 34

export const MARGIN = 14

/** Pixels of a plot: two of them stand side by side on the page. */
export const WIDTH = 580

/** Pixels of an average letter of a name: room is left by it, as nothing here can measure text. */
export const LETTER = 6.9

const draw = ({ title, width, height, body }: Picture, before: Child, isFile: boolean): Markup =>
  element(
    'svg',
    {
      class: 'picture',
      role: 'img',
      viewBox: `0 0 ${width} ${height}`,
      ...(isFile && { xmlns: 'http://www.w3.org/2000/svg', width, height }),
    },
    element('title', {}, title),
    before,
    element('text', { class: 'title', x: MARGIN, y: TITLE_Y }, title),
    body,
  )

export const toInline = (picture: Picture): Markup => draw(picture, [], false)

export const toFile = (picture: Picture): string => {
  const { width, height } = picture
  const ground = element('rect', { class: 'ground', x: 0, y: 0, width, height, rx: 6 })
  const styles = element('style', {}, raw(`${ROOT_CSS}${PICTURE_CSS}`))
  return `${render(draw(picture, [styles, ground], true))}\n`
}
