/**
 * Elements of HTML and SVG as text. What is text gets escaped; what is an element already does not.
 *
 * ```ts
 * render(element('text', { x: 1.234 }, 'a < b'))      // <text x="1.2">a &lt; b</text>
 * ```
 */

export interface Markup {
  readonly markup: string
}

export type Child = Markup | string | readonly Child[]

type Attributes = Readonly<Record<string, string | number | undefined>>

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

export const escapeText = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character)

/** Nobody sees less than a tenth of a pixel, and shorter files differ less. */
const showAttribute = (value: string | number): string =>
  typeof value === 'number' ? `${Math.round(value * 10) / 10}` : escapeText(value)

const isMarkup = (child: Markup | readonly Child[]): child is Markup => 'markup' in child

export const render = (child: Child): string => {
  if (typeof child === 'string') return escapeText(child)
  return isMarkup(child) ? child.markup : child.map(render).join('')
}

/** Text that is markup already, such as a style sheet. */
export const raw = (markup: string): Markup => ({ markup })

/** Elements that have no end tag in HTML. */
const VOID = new Set(['meta', 'br'])

/** Attributes that are undefined are left out. */
export const element = (name: string, attributes: Attributes, ...children: Child[]): Markup => {
  const written = Object.entries(attributes)
    .map(([key, value]) => (value === undefined ? '' : ` ${key}="${showAttribute(value)}"`))
    .join('')
  const start = `<${name}${written}>`
  return raw(VOID.has(name) ? start : `${start}${render(children)}</${name}>`)
}
