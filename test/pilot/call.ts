/**
 * One call of the real `pilotctl` as a test makes it, and waiting for what it changes.
 *
 * ```ts
 * await ask(node, 'send-message', other.address, '--data', 'hello')
 * await until('the message', () => existsSync(other.inbox) || undefined)
 * ```
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'

/** Milliseconds for one call: a dead peer holds that of 1.10.0 for 64 s. */
const CALL_TIMEOUT = 70_000
/** Bytes of an answer: an inbox with the largest message and its escapes. */
const MAX_ANSWER = 256 * 1024 * 1024
/** Milliseconds to wait for something that takes under 1,000; two busy cores take longer. */
const WAIT_TIMEOUT = 30_000
/** Milliseconds between two looks while waiting: a look may cost a process of 15 ms. */
const POLL_INTERVAL = 50

/** Its shape differs by command and version. */
export type Data = Readonly<Record<string, unknown>>

export interface Answer {
  readonly status: 'ok' | 'error'
  readonly data?: Data
  readonly code?: string
  readonly message?: string
  readonly hint?: string
}

export interface Caller {
  /** path of the program */
  readonly pilotctl: string
  /** its whole environment: which daemon, whose inbox */
  readonly env: Readonly<Record<string, string>>
}

/**
 * What `pilotctl --json ARGS…` of this node answers, success or failure. Rejects only when
 * it gave no answer at all: no program, no JSON, or more than 70 s.
 */
export const pilotctl = (node: Caller, ...args: string[]): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const options = { env: node.env, timeout: CALL_TIMEOUT, maxBuffer: MAX_ANSWER }
    execFile(node.pilotctl, ['--json', ...args], options, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(error ? stderr : stdout) as Answer)
      } catch {
        const told = `${stdout}${stderr}`.slice(0, 1000)
        const cause = error ?? undefined
        reject(new Error(`pilotctl ${args.join(' ').slice(0, 200)}: no JSON: ${told}`, { cause }))
      }
    })
  })

/** The `data` of a call that must succeed; throws an Error with the code when it fails. */
export const ask = async <T = Data>(node: Caller, ...args: string[]): Promise<T> => {
  const answer = await pilotctl(node, ...args)
  if (answer.status === 'ok') return answer.data as T
  throw new Error(`pilotctl ${args.join(' ').slice(0, 200)}: ${answer.code}: ${answer.message}`)
}

/** Waits until `look` says something other than `undefined`; throws an Error after `timeout` ms. */
export const until = async <T>(
  what: string,
  look: () => T | undefined | Promise<T | undefined>,
  timeout = WAIT_TIMEOUT,
): Promise<T> => {
  const end = Date.now() + timeout
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > end) throw new Error(`waited ${timeout} ms for ${what}`)
    await delay(POLL_INTERVAL)
  }
}
