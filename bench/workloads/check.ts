/**
 * The answer of a merge, checked against the map that it must give. A bench that measures a
 * wrong merge measures nothing, so a wrong answer ends the run.
 */
import { equalityDeep } from 'lib0/function'
import { Failure } from '../../src/errors.ts'
import type { Value } from '../engines/engine.ts'

type Entries = ReadonlyMap<string, Value>

const show = (value: Value | undefined): string =>
  value === undefined ? 'missing' : JSON.stringify(value)

/** What is wrong, or undefined. In a large bench it runs a million times, so it is plain. */
const difference = (found: Entries, expected: Entries): string | undefined => {
  for (const [key, value] of expected) {
    const own = found.get(key)
    if (!equalityDeep(own, value)) return `"${key}" is ${show(own)}, not ${show(value)}`
  }
  return found.size === expected.size ? undefined : `${found.size} keys, not ${expected.size}`
}

/** What is thrown for a wrong answer: `culprit` gave it. */
export const wrongAnswer = (
  where: string,
  what: string,
  culprit: 'engine' | 'store',
  cause?: unknown,
): Failure =>
  new Failure('internal', `wrong answer: ${where}: ${what}`, {
    hint: `its figures would say nothing: mend the ${culprit} first`,
    cause,
  })

/** Throws a Failure (internal) that names the first difference; `where` says whose answer it is. */
export const checkAnswer = (found: Entries, expected: Entries, where: string): void => {
  const wrong = difference(found, expected)
  if (wrong !== undefined) throw wrongAnswer(where, wrong, 'engine')
}
