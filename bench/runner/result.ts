/**
 * The one format of results: a line `{"status":"ok","data":{…}}`. The programs print it with
 * `--json`, and `bench/results` keeps it.
 *
 * ```ts
 * streams.out(toLine(result))
 * const { merges } = readLine<BenchResult>('bench.jsonl', ['machine', 'engines'])
 * ```
 */
import { readFileSync } from 'node:fs'
import { Failure } from '../../src/errors.ts'

export const toLine = (data: unknown): string => `${JSON.stringify({ status: 'ok', data })}\n`

const refuse = (path: string, why: string, cause?: unknown): Failure =>
  new Failure('invalid_argument', `"${path}" ${why}`, {
    hint: 'give a file with the output of a bench program with --json',
    cause,
  })

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw refuse(path, 'cannot be read', error)
  }
}

/** The `data` of a file. Throws a Failure (invalid_argument) unless it is such a line. */
export const readData = (path: string): Record<string, unknown> => {
  let line: unknown
  try {
    line = JSON.parse(readText(path))
  } catch (error) {
    throw error instanceof Failure ? error : refuse(path, 'is not JSON', error)
  }
  const { data } = (line ?? {}) as { data?: unknown }
  if (typeof data === 'object' && data !== null) return data as Record<string, unknown>
  throw refuse(path, 'has no "data"')
}

/** Throws a Failure (invalid_argument) if one of `names` is missing. What they hold is trusted. */
export const readLine = <T>(path: string, names: readonly (keyof T & string)[]): T => {
  const data = readData(path)
  const missing = names.find((name) => !(name in data))
  if (missing !== undefined) throw refuse(path, `has no "data.${missing}"`)
  return data as T
}
