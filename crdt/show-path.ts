/**
 * Places in messages: where in a document, or in a value, something is that cannot be taken.
 *
 * ```js
 * showPath(['symbols', 'tree', 3, 'a key'])   // 'symbols.tree[3]["a key"]'
 * ```
 */

/** Names and keys, and places in lists. */
export type Path = readonly (string | number)[]

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** Characters of a key in a message. */
const SHOWN = 40

/** Steps shown of a place; of a longer one the first and the last. */
const STEPS = 20

const showStep = (step: string | number, i: number): string => {
  if (typeof step !== 'string') return `[${step}]`
  if (IDENTIFIER.test(step) && step.length <= SHOWN) return i === 0 ? step : `.${step}`
  const shown = JSON.stringify(step.length > SHOWN ? `${step.slice(0, SHOWN)}…` : step)
  return i === 0 ? shown : `[${shown}]`
}

export const showPath = (path: Path): string => {
  const steps = path.map(showStep)
  if (steps.length <= STEPS) return steps.join('')
  return `${steps.slice(0, STEPS / 2).join('')}…${steps.slice(-STEPS / 2).join('')}`
}
