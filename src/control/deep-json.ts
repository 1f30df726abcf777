/**
 * JSON of any depth. `JSON.parse` reads what is nested 5,000 deep and more, and `JSON.stringify`
 * runs out of stack on it; whoever gets such a value must still be able to hand it on, so that it
 * is refused by the one who knows what may be kept.
 *
 * ```ts
 * stringify(JSON.parse('['.repeat(5_000) + ']'.repeat(5_000))).length // 10000
 * ```
 */

/** What is left to write of an array or object: it has that many items, and its next one is at `next`. */
interface Open {
  readonly items: readonly (readonly [before: string, value: unknown])[]
  readonly end: string
  next: number
}

const openOf = (value: object): Open =>
  Array.isArray(value)
    ? { items: value.map((item) => ['', item] as const), end: ']', next: 0 }
    : {
        items: Object.entries(value)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => [`${JSON.stringify(key)}:`, item] as const),
        end: '}',
        next: 0,
      }

/** The same for what JSON.parse gives and objects of it, with a stack of its own. */
const stringifyDeep = (value: unknown): string => {
  const parts: string[] = []
  const around: Open[] = []
  const write = (item: unknown): void => {
    if (typeof item !== 'object' || item === null) {
      parts.push(JSON.stringify(item) ?? 'null')
      return
    }
    parts.push(Array.isArray(item) ? '[' : '{')
    around.push(openOf(item))
  }
  write(value)
  for (let open = around.at(-1); open; open = around.at(-1)) {
    const item = open.items[open.next]
    if (!item) {
      parts.push(open.end)
      around.pop()
      continue
    }
    parts.push(open.next++ === 0 ? item[0] : `,${item[0]}`)
    write(item[1])
  }
  return parts.join('')
}

/** As `JSON.stringify` of a value that came from `JSON.parse`, however deep it is. */
export const stringify = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return stringifyDeep(value)
  }
}
