/**
 * Reports an agent's problems to a person: each kind at most once a minute, with the number of
 * those that were left out.
 *
 * ```ts
 * const problems = new ProblemLog(({ message }) => io.err(`${message}\n`))
 * new Agent({ swarm: 'kv', transport, onProblem: (problem) => problems.add(problem) })
 * ```
 */
import type { Problem as AgentProblem } from '../agent/agent.ts'
import { type Failure, toFailure } from '../errors.ts'

/** Milliseconds between two reports of a kind. A dead peer fails many times a minute; more lines say no more. */
const MIN_BETWEEN_MS = 60_000

/** A problem of the agent, or of its bridge. */
export type Problem = AgentProblem | { readonly type: 'bridge'; readonly failure: Failure }

export interface Notice {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  /** Problems of the kind since the last notice, this one included. */
  readonly count: number
}

/** The kind of a problem. There are few, whatever peers send. */
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

const ofFailure = ({ code, message, hint }: Failure, prefix: string): Omit<Notice, 'count'> => ({
  code,
  message: `${prefix}${message}`,
  hint,
})

/** What to do about a refused message, for those reasons that a person decides. */
const HINTS: Readonly<Record<string, string>> = {
  not_accepted:
    'if it belongs to the swarm, trust it (pilotctl handshake with that address), add --peer with it, or --accept any',
  read_only: 'leave out --read-only-peer with that address if it may write',
}

const describe = (problem: Problem): Omit<Notice, 'count'> => {
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
        hint: HINTS[problem.reason],
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
  readonly #report: (notice: Notice) => void
  readonly #now: () => number
  /** For each kind: when it was last reported, and how many came since. */
  readonly #kinds = new Map<string, { reportedAt: number; omitted: number }>()

  /** `now`: milliseconds of a monotonic clock. */
  constructor(report: (notice: Notice) => void, now: () => number = () => performance.now()) {
    this.#report = report
    this.#now = now
  }

  add(problem: Problem): void {
    const kind = kindOf(problem)
    const now = this.#now()
    const seen = this.#kinds.get(kind)
    if (seen && now - seen.reportedAt < MIN_BETWEEN_MS) {
      seen.omitted++
      return
    }
    this.#kinds.set(kind, { reportedAt: now, omitted: 0 })
    this.#report({ ...describe(problem), count: (seen?.omitted ?? 0) + 1 })
  }
}
