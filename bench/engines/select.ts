/**
 * Engines by name, as `--engine` gives them.
 *
 * ```ts
 * parseEngines('yjs-v1,automerge', ENGINES)     // two engines, in the order of ENGINES
 * ```
 */
import { Failure } from '../../src/errors.ts'
import type { Engine } from './engine.ts'

/** In a list on the command line a space is a hyphen: `pilot-gossip-hot`. */
export const optionOf = ({ name }: Engine): string => name.replaceAll(' ', '-')

/** Names separated by commas. Throws a Failure (invalid_argument) for one that is none. */
export const parseEngines = (text: string, engines: readonly Engine[]): readonly Engine[] => {
  const names = new Set(text.split(',').map((name) => name.replaceAll(' ', '-')))
  for (const name of names) {
    if (engines.some((engine) => optionOf(engine) === name)) continue
    throw new Failure('invalid_argument', `--engine "${name}" is no engine`, {
      hint: `give some of ${engines.map(optionOf).join(',')}`,
    })
  }
  return engines.filter((engine) => names.has(optionOf(engine)))
}
