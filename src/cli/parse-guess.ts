/**
 * Guesses the known word that an unknown one stands for: a similar spelling, or a synonym.
 *
 * ```ts
 * guess('lits', [{ name: 'list' }, { name: 'set' }]) // ['list']
 * guess('rm', [{ name: 'delete', synonyms: ['rm'] }])   // ['delete']
 * ```
 */

/** One wrong letter is allowed for each of these. A guess: most typing errors are a single letter. */
const LETTERS_PER_ERROR = 3

/** More errors would match an unrelated word. */
const MAX_ERRORS = 3

/**
 * The number of letters to add, remove, change or swap with their neighbour to turn one word into
 * the other (optimal string alignment distance).
 */
const distance = (from: string, to: string): number => {
  let before: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const row = [i]
    for (let j = 1; j <= to.length; j++) {
      const change = last[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const swap = isSwap ? before[j - 2]! + 1 : Number.POSITIVE_INFINITY
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, change, swap))
    }
    before = last
    last = row
  }
  return last[to.length]!
}

export interface Known {
  readonly name: string
  /** Words that people try for it. */
  readonly synonyms?: readonly string[]
}

/** The nearest names, all equally near; none if no name is near. */
export const guess = (word: string, known: readonly Known[]): readonly string[] => {
  const meant = known.filter(({ synonyms = [] }) => synonyms.includes(word.toLowerCase()))
  if (meant.length > 0) return meant.map(({ name }) => name)
  const bare = word.toLowerCase().replace(/^-+/, '')
  const bound = Math.min(MAX_ERRORS, Math.floor(bare.length / LETTERS_PER_ERROR))
  const begun = known.filter(({ name }) => bare !== '' && name.replace(/^-+/, '').startsWith(bare))
  if (begun.length === 1) return begun.map(({ name }) => name)
  const near = known.map(({ name }) => ({ name, far: distance(bare, name.replace(/^-+/, '')) }))
  const least = Math.min(bound, ...near.map(({ far }) => far))
  return near.filter(({ far }) => far === least).map(({ name }) => name)
}
