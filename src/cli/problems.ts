/**
 * Tells a person of an agent's troubles without drowning them: each kind at most once a
 * minute, then with the number of those that were passed over.
 *
 * ```ts
 * const problems = new ProblemLog((told) => io.err(`${told.message}\n`))
 * new Agent({ swarm: 'kv', transport, onProblem: (problem) => problems.add(problem) })
 * ```
 */
import type { Problem as AgentProblem } from '../agent/agent.ts'
import { type Failure, toFailure } from '../errors.ts'

/** Milliseconds. A dead peer fails many times a minute; more lines tell no more. */
const QUIET_MS = 60_000

/** The agent's, and those of the bridge beside it. */
export type Problem = AgentProblem | { readonly type: 'bridge'; readonly failure: Failure }

export interface Told {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  /** Troubles of the kind since the last that was told, this one included. */
  readonly count: number
}

/** The kind of a problem: few in number, whatever peers send. */
const kindOf = (problem: Problem): string => {
  switch (problem.type) {
    case 'transport':
    case 'store':
    case 'send':
    case 'bridge':
      return `${problem.type} ${problem.failure.code}`
    case 'refused':
      return `${problem.type} ${problem.reason}`
    case 'unsendable':
    case 'observer_failed':
    case 'diverged':
      return problem.type
  }
}

const ofFailure = ({ code, message, hint }: Failure, prefix: string): Omit<Told, 'count'> => ({
  code,
  message: `${prefix}${message}`,
  hint,
})

const describe = (problem: Problem): Omit<Told, 'count'> => {
  switch (problem.type) {
    case 'transport':
    case 'store':
      return ofFailure(problem.failure, '')
    case 'bridge':
      return ofFailure(problem.failure, 'bridge: ')
    case 'send':
      return ofFailure(problem.failure, `could not send to ${problem.to}: `)
    case 'refused':
      return {
        code: problem.reason,
        message:
          problem.path === undefined
            ? `refused a message from ${problem.from}: ${problem.message}`
            : `not shared, since peers would refuse it: ${problem.message}`,
        hint: undefined,
      }
    case 'unsendable':
      return {
        code: 'too_large',
        message: `a change of ${problem.bytes} bytes is too long for a message to ${problem.to}`,
        hint: 'run an agent with a newer pilotctl in the swarm, so that it can deliver the change',
      }
    case 'diverged':
      return {
        code: 'damaged',
        message: `${problem.from} has different content under the same digest: two agents wrote as writer ${problem.writers.join(', ')}`,
        hint: 'if that persists, stop the agent on one side, remove its data folder, and start it again',
      }
    case 'observer_failed':
      return ofFailure(toFailure(problem.error), 'a listener on the document failed: ')
  }
}

export class ProblemLog {
  readonly #tell: (told: Told) => void
  readonly #now: () => number
  /** Of each kind: when it was told last, and how many came since. */
  readonly #kinds = new Map<string, { told: number; passed: number }>()

  /** `now`: milliseconds, monotonic. */
  constructor(tell: (told: Told) => void, now: () => number = () => performance.now()) {
    this.#tell = tell
    this.#now = now
  }

  add(problem: Problem): void {
    const kind = kindOf(problem)
    const now = this.#now()
    const seen = this.#kinds.get(kind)
    if (seen && now - seen.told < QUIET_MS) {
      seen.passed++
      return
    }
    this.#kinds.set(kind, { told: now, passed: 0 })
    this.#tell({ ...describe(problem), count: (seen?.passed ?? 0) + 1 })
  }
}
