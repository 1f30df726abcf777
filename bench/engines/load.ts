/**
 * Engines from outside: all exports of a module that are engines. The module needs nothing of ours; its
 * objects have the fields and methods of `Engine`.
 *
 * ```ts
 * const [mine] = await loadEngines('./mine.js')
 * ```
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Failure } from '../../src/errors.ts'
import type { Engine } from './engine.ts'

const isEngine = (value: unknown): value is Engine => {
  const { name, create } = (value ?? {}) as Partial<Engine>
  return typeof name === 'string' && typeof create === 'function'
}

const refuse = (path: string, why: string, cause?: unknown): Failure =>
  new Failure('invalid_argument', `--engine "${path}" ${why}`, {
    hint: 'give a module that exports { name, about, converges, create }',
    cause,
  })

/** Rejects with a Failure (invalid_argument) if the module cannot be loaded or exports no engine. */
export const loadEngines = async (path: string): Promise<Engine[]> => {
  let module: object
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw refuse(path, `cannot be loaded: ${(error as Error).message}`, error)
  }
  const engines = [...new Set<unknown>(Object.values(module))].filter(isEngine)
  if (engines.length === 0) throw refuse(path, 'exports no engine')
  return engines.map((one) => ({ ...one, about: one.about ?? path }))
}
