/**
 * Results that were saved: what `--json` prints, read from a file again.
 *
 * ```ts
 * const result = readResult('result.json')
 * ```
 */
import { readFileSync } from 'node:fs'
import { Failure } from '../../src/errors.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { SwarmBenches } from '../swarm/result.ts'
import type { BenchResult } from '../workloads/bench.ts'

const refuse = (path: string, why: string, cause?: unknown): Failure =>
  new Failure('invalid_argument', `"${path}" ${why}`, {
    hint: 'give a file with what the program printed with --json',
    cause,
  })

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw refuse(path, 'cannot be read', error)
  }
}

const parse = (path: string): unknown => {
  const text = readText(path)
  try {
    return JSON.parse(text)
  } catch (error) {
    throw refuse(path, 'is no JSON', error)
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null

/**
 * The data of `{"status":"ok","data":{…}}`. Throws a Failure (invalid_argument) where it lacks one
 * of `names`; what lies below them is believed, for it comes from a program of ours.
 */
const readSaved = <T>(path: string, names: readonly (keyof T & string)[]): T => {
  const answer = parse(path)
  const data = isObject(answer) ? answer.data : undefined
  if (!isObject(data)) throw refuse(path, 'has no "data"')
  const missing = names.find((name) => !(name in data))
  if (missing !== undefined) throw refuse(path, `has no "data.${missing}"`)
  return data as T
}

/** Of `npm run bench -- --json`. */
export const readResult = (path: string): BenchResult =>
  readSaved<BenchResult>(path, ['machine', 'date', 'engines', 'layouts', 'swarm'])

/** Of `npm run simulate -- --json`. */
export const readSimulation = (path: string): Simulation =>
  readSaved<Simulation>(path, ['settings', 'writes', 'rates', 'faults', 'writers', 'verdicts'])

/** Of `npm run bench:swarm -- --loads … --json`. */
export const readSwarm = (path: string): SwarmBenches => {
  const swarm = readSaved<SwarmBenches>(path, ['loads'])
  if (Array.isArray(swarm.loads) && swarm.loads.length > 0) return swarm
  throw refuse(path, 'has no load in "data.loads"')
}
