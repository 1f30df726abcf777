/**
 * One call of the real `pilotctl` as a test makes it, and waiting for its effect.
 *
 * ```ts
 * await ask(node, 'send-message', other.address, '--data', 'hello')
 * await until('the message', () => existsSync(other.inbox) || undefined)
 * ```
 */
import { execFile } from 'node:child_process'

export { until } from '../helpers/until.ts'

/** Milliseconds for one call: 1.10.0 waits 64 s for a dead peer. */
const CALL_TIMEOUT = 70_000
/** Bytes of an answer: an inbox with the largest message and its escapes. */
const MAX_ANSWER = 256 * 1024 * 1024
/**
 * Milliseconds for one attempt of `deliver`, which takes 20. After a restart of 1.18.0 on a busy
 * machine the first call may hang for over a minute, while the next is answered at once.
 */
const TRY_TIMEOUT = 10_000
/** Attempts of `deliver`. */
const TRIES = 5

/** Its shape depends on command and version. */
export type Data = Readonly<Record<string, unknown>>

export interface Answer {
  readonly status: 'ok' | 'error'
  readonly data?: Data
  readonly code?: string
  readonly message?: string
  readonly hint?: string
}

export interface Caller {
  /** the path of the program */
  readonly pilotctl: string
  /** its whole environment: which daemon, whose inbox */
  readonly env: Readonly<Record<string, string>>
}

/**
 * The answer of `pilotctl --json ARGS…` for this node, success or failure. Rejects only if there is
 * no answer: no program, no JSON, or more than 70 s.
 */
export const pilotctl = (node: Caller, ...args: string[]): Promise<Answer> =>
  call(node, args, CALL_TIMEOUT)

const call = (node: Caller, args: readonly string[], timeout: number): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { env: node.env, timeout, maxBuffer: MAX_ANSWER }
    execFile(node.pilotctl, ['--json', ...args], options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(error ? stderr : stdout) as Answer)
      } catch {
        const output = `${stdout}${stderr}`.slice(0, 1000)
        const cause = error ?? undefined
        reject(new Error(`pilotctl ${args.join(' ').slice(0, 200)}: no JSON: ${output}`, { cause }))
      }
    })
  })

/** The `data` of a call that must succeed; throws an Error with the code if it fails. */
export const ask = async <T = Data>(node: Caller, ...args: string[]): Promise<T> => {
  const answer = await pilotctl(node, ...args)
  if (answer.status === 'ok') return answer.data as T
  throw new Error(`pilotctl ${args.join(' ').slice(0, 200)}: ${answer.code}: ${answer.message}`)
}

/**
 * `send-message ADDRESS OPTIONS…`, repeated if the daemons do not connect at once, so the message
 * may arrive twice. Resolves to the answer; throws the error of the last attempt.
 */
export const deliver = async (
  node: Caller,
  address: string,
  ...options: string[]
): Promise<Data> => {
  const args = ['send-message', address, ...options]
  let last: unknown
  for (let left = TRIES; left > 0; left--) {
    try {
      const answer = await call(node, args, TRY_TIMEOUT)
      if (answer.status === 'ok') return answer.data ?? {}
      last = new Error(
        `pilotctl ${args.join(' ').slice(0, 200)}: ${answer.code}: ${answer.message}`,
      )
    } catch (error) {
      last = error
    }
  }
  throw last
}
