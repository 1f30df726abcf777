/**
 * Writes XML types as text like their `toString`, but to any depth, and even if a peer has stored
 * an attribute that cannot become text.
 *
 * ```js
 * xmlText(fragment)     // '<p align="left">hello <b>you</b></p>'
 * ```
 */
import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'

/** The next thing to write: text, or a node of a fragment. */
type Step = { readonly text: string } | { readonly node: unknown }

const textIn = (value: unknown): string => {
  try {
    return String(value)
  } catch {
    return '[object Object]' // as other objects are written; this one has a `toString` from a peer
  }
}

const formattedText = (text: Y.XmlText): string => {
  try {
    return text.toString()
  } catch {
    return Y.Text.prototype.toString.call(text) // omits formats that cannot be written
  }
}

const attributesOf = (element: Y.XmlElement): string => {
  const entries = [...yjsInner.entryItems(element)].filter(([, item]) => !item.deleted)
  return entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, { content, length }]) => ` ${key}="${textIn(content.getContent()[length - 1])}"`)
    .join('')
}

const tagOf = ({ nodeName }: Y.XmlElement): string => nodeName.toLocaleLowerCase()

/** The text of a fragment, an element or a text. */
export const xmlText = (top: Y.XmlFragment | Y.XmlText): string => {
  const written: string[] = []
  const left: Step[] = [{ node: top }]
  for (let step = left.pop(); step; step = left.pop()) {
    if ('text' in step) {
      written.push(step.text)
      continue
    }
    const { node } = step
    if (node instanceof Y.XmlFragment) {
      if (node instanceof Y.XmlElement) {
        written.push(`<${tagOf(node)}${attributesOf(node)}>`)
        left.push({ text: `</${tagOf(node)}>` })
      }
      for (const child of node.toArray().reverse()) left.push({ node: child })
    } else if (node instanceof Y.XmlText) written.push(formattedText(node))
    else written.push(textIn(node))
  }
  return written.join('')
}
