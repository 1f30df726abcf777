/**
 * Compares the answer of a merge with the map that must come out. A benchmark of a wrong merge
 * measures nothing, so a wrong answer ends the run.
 */
import { equalityDeep } from 'lib0/function'
import { Failure } from '../../src/errors.ts'
import type { Entries, Value } from '../engines/engine.ts'

const show = (value: Value | undefined): string =>
  value === undefined ? 'missing' : JSON.stringify(value)

/** The first difference, or undefined. It runs a million times in a large bench, so it is plain. */
const difference = (found: Entries, expected: Entries): string | undefined => {
  for (const [key, value] of expected) {
    const own = found.get(key)
    if (!equalityDeep(own, value)) return `"${key}" is ${show(own)}, not ${show(value)}`
  }
  return found.size === expected.size ? undefined : `${found.size} keys, not ${expected.size}`
}

export const wrongAnswer = (
  where: string,
  what: string,
  culprit: 'engine' | 'store',
  cause?: unknown,
): Failure =>
  new Failure('internal', `wrong answer: ${where}: ${what}`, {
    hint: `its figures would mean nothing: fix the ${culprit} first`,
    cause,
  })

/** Throws a Failure (internal) that names the first difference. */
export const checkAnswer = (found: Entries, expected: Entries, where: string): void => {
  const wrong = difference(found, expected)
  if (wrong !== undefined) throw wrongAnswer(where, wrong, 'engine')
}
