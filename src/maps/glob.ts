/**
 * Patterns for keys: `*` stands for any characters, also none, `?` for one, and a backslash takes
 * the next character as it is. A key is one word: slashes and colons are characters like others.
 *
 * ```js
 * const glob = new Glob('task:*:done')
 * glob.prefix              // 'task:'
 * glob.matches('task:7:done')     // true
 * ```
 */

type Part = { readonly kind: 'many' } | { readonly kind: 'one' } | string

const MANY: Part = { kind: 'many' }
const ONE: Part = { kind: 'one' }

const parse = (pattern: string): Part[] => {
  const parts: Part[] = []
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === '*') {
      if (parts.at(-1) !== MANY) parts.push(MANY)
    } else if (character === '?') parts.push(ONE)
    else if (character === '\\' && i + 1 < characters.length) parts.push(characters[++i]!)
    else parts.push(character)
  }
  return parts
}

export class Glob {
  /** What each key that matches begins with. */
  readonly prefix: string
  readonly #parts: readonly Part[]

  constructor(pattern: string) {
    this.#parts = parse(pattern)
    const end = this.#parts.findIndex((part) => typeof part !== 'string')
    this.prefix = this.#parts.slice(0, end < 0 ? undefined : end).join('')
  }

  /** Steps at most the length of the pattern times that of the key: no pattern of a stranger hangs it. */
  matches(key: string): boolean {
    const characters = [...key]
    const parts = this.#parts
    let at = 0
    let part = 0
    /** Where the last `*` was met, and what it has taken until now. */
    let star = -1
    let taken = 0
    while (at < characters.length) {
      const wanted = parts[part]
      if (wanted === MANY) {
        star = part++
        taken = at
      } else if (wanted !== undefined && (wanted === ONE || wanted === characters[at])) {
        at++
        part++
      } else if (star >= 0) {
        part = star + 1
        at = ++taken
      } else return false
    }
    return parts.slice(part).every((left) => left === MANY)
  }
}
