/**
 * Random operations on the four roots that `compare` of yjs/testHelper looks at: `map`, `array`,
 * `text` and `xml`, each with shared types nested in it.
 *
 * ```ts
 * const doc = newDoc()
 * edit(doc, new Random(7))
 * ```
 */
import * as Y from 'yjs'
import type { Random } from '../helpers/random.ts'

/** Few, so that writers meet at the same ones. */
const KEYS = ['one', 'two', 'three', 'four']

/** Makes the roots, of the types that `compare` reads. */
export const rootsOf = (doc: Y.Doc) => ({
  map: doc.getMap('map'),
  array: doc.getArray('array'),
  text: doc.getText('text'),
  xml: doc.get('xml', Y.XmlElement) as Y.XmlElement,
})

/** A document with these roots. */
export const newDoc = (options: { readonly gc?: boolean } = {}): Y.Doc => {
  const doc = new Y.Doc(options)
  rootsOf(doc)
  return doc
}

/** What a reader sees of them. */
export const contentOf = (doc: Y.Doc): unknown => {
  const { map, array, text, xml } = rootsOf(doc)
  return [map.toJSON(), array.toJSON(), text.toDelta(), xml.toString()]
}

type Nested = Y.Map<unknown> | Y.Array<number | string> | Y.Text

const nested = (random: Random): Nested =>
  random.pick<() => Nested>([
    () => new Y.Map([[random.pick(KEYS), random.int(0, 99)]]),
    () => Y.Array.from<number | string>([random.int(0, 99), random.letters(2)]),
    () => new Y.Text(random.letters(3)),
  ])()

const value = (random: Random): unknown =>
  random.chance(0.3)
    ? nested(random)
    : random.pick([random.int(0, 1e6), random.letters(5), null, true, { deep: [1, 'two'] }])

const editMap = (map: Y.Map<unknown>, random: Random): void => {
  const key = random.pick(KEYS)
  const inner = map.get(key)
  if (random.chance(0.4) && editNested(inner, random)) return
  if (random.chance(0.25)) map.delete(key)
  else map.set(key, value(random))
}

const editArray = (array: Y.Array<unknown>, random: Random): void => {
  const at = random.int(0, array.length)
  const left = array.length - at
  if (left > 0 && random.chance(0.3) && editNested(array.get(at), random)) return
  if (left > 0 && random.chance(0.4)) array.delete(at, random.int(1, Math.min(3, left)))
  else
    array.insert(
      at,
      Array.from({ length: random.int(1, 3) }, () => value(random)),
    )
}

/** No letter is cut in half: each has one UTF-16 unit. */
const editText = (text: Y.Text, random: Random): void => {
  const at = random.int(0, text.length)
  const left = text.length - at
  const style = { [random.pick(['bold', 'italic'])]: random.pick([true, null]) }
  if (left > 0 && random.chance(0.3)) text.delete(at, random.int(1, Math.min(5, left)))
  else if (left > 0 && random.chance(0.2)) text.format(at, random.int(1, left), style)
  else if (random.chance(0.1)) text.insertEmbed(at, { image: random.letters(2) })
  else if (random.chance(0.2)) text.insert(at, random.letters(3), style)
  else text.insert(at, random.letters(random.int(1, 6)))
}

const editXml = (xml: Y.XmlElement, random: Random): void => {
  const at = random.int(0, xml.length)
  const left = xml.length - at
  const inner = left > 0 && random.chance(0.4) ? xml.get(at) : undefined
  if (inner instanceof Y.XmlElement) editXml(inner, random)
  else if (inner instanceof Y.XmlText) editText(inner, random)
  else if (random.chance(0.2)) xml.setAttribute(random.pick(KEYS), random.letters(3))
  else if (random.chance(0.1)) xml.removeAttribute(random.pick(KEYS))
  else if (left > 0 && random.chance(0.3)) xml.delete(at, 1)
  else if (random.chance(0.5)) xml.insert(at, [new Y.XmlElement(random.pick(['p', 'h1', 'ul']))])
  else xml.insert(at, [new Y.XmlText(random.letters(4))])
}

/** False where there is nothing to be edited. */
const editNested = (type: unknown, random: Random): boolean => {
  if (type instanceof Y.Map) editMap(type, random)
  else if (type instanceof Y.Array) editArray(type, random)
  else if (type instanceof Y.Text) editText(type, random)
  else return false
  return true
}

/** One operation, now and then a transaction of some. */
export const edit = (doc: Y.Doc, random: Random): void => {
  const { map, array, text, xml } = rootsOf(doc)
  const once = random.pick([
    () => editMap(map, random),
    () => editArray(array, random),
    () => editText(text, random),
    () => editXml(xml, random),
  ])
  if (random.chance(0.9)) once()
  else {
    doc.transact(() => {
      for (const run of [once, once, once]) run()
    })
  }
}
