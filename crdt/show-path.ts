/**
 * Formats a path for messages: where in a document, or in a value, something is wrong.
 *
 * ```js
 * showPath(['symbols', 'tree', 3, 'a key'])   // 'symbols.tree[3]["a key"]'
 * ```
 */

/** Names and keys, and list indexes. */
export type Path = readonly (string | number)[]

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** Characters of a key in a message. */
const MAX_KEY_LENGTH = 40

/** Steps shown of a path: of a longer one the first and the last. */
const MAX_STEPS = 20

const showStep = (step: string | number, i: number): string => {
  if (typeof step !== 'string') return `[${step}]`
  if (IDENTIFIER.test(step) && step.length <= MAX_KEY_LENGTH) return i === 0 ? step : `.${step}`
  const shown = JSON.stringify(
    step.length > MAX_KEY_LENGTH ? `${step.slice(0, MAX_KEY_LENGTH)}…` : step,
  )
  return i === 0 ? shown : `[${shown}]`
}

export const showPath = (path: Path): string => {
  const steps = path.map(showStep)
  if (steps.length <= MAX_STEPS) return steps.join('')
  return `${steps.slice(0, MAX_STEPS / 2).join('')}…${steps.slice(-MAX_STEPS / 2).join('')}`
}
