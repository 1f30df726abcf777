/**
 * uvu with four holes closed. Bare uvu 0.5 passes when a test throws something other than an Error,
 * when `.run()` is forgotten, and when a promise never settles; and it cannot assert a rejection.
 * `test/tools/suite.test.ts` shows that each of them fails here.
 *
 * ```ts
 * const test = suite('replica')
 * test('applies', async () => { await rejects(() => replica.apply(bad), /clock_jump/) })
 * test.run()
 * ```
 */

import { existsSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { Failure } from '../../src/errors.ts'
import { rejectionOf } from '../../src/testing/contract.ts'

// uvu decides when it is loaded whether suites start by themselves. The runner loads this file
// before it could tell uvu, so its suites would run twice and at the same time.
const runner = fileURLToPath(new URL('../tools/run.ts', import.meta.url))
const [, started = ''] = process.argv
if (existsSync(started) && realpathSync(started) === runner) {
  Object.assign(globalThis, { UVU_DEFER: 1 })
}
const uvu = await import('uvu')

/** Milliseconds. Long enough for a slow machine; without a bound a test that hangs would hang the run. */
const TEST_TIMEOUT = 60_000

type Handler = () => unknown

interface Options {
  /** Milliseconds a test may take; default 60,000. */
  readonly timeout?: number
}

export interface Suite {
  (name: string, handler: Handler, options?: Options): void
  before(hook: Handler): void
  after(hook: Handler): void
  /** Skips a test and prints the reason; if `CI` is set, the test fails instead. */
  skip(name: string, reason: string): void
  run(): void
}

/** Suites that have not run to their end, each under its own key: two may have the same name. */
const waiting = new Map<symbol, string>()
export const counts = { passed: 0, failed: 0, skipped: 0 }

// This runs last: uvu sets the exit code to 0 when its queue looks empty.
process.on('exit', () => {
  for (const name of waiting.values())
    console.error(`suite "${name}" never ran to its end: is .run() missing?`)
  if (waiting.size > 0 || counts.failed > 0) process.exitCode = 1
})

const asError = (thrown: unknown): Error =>
  thrown instanceof Error
    ? thrown
    : new Error(`threw something other than an Error: ${inspect(thrown)}`)

/** Runs the handler; rejects with an Error if it throws anything or takes too long. */
const guard = async (handler: Handler, timeout: number): Promise<void> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not settled after ${timeout} ms`)), timeout)
  })
  try {
    await Promise.race([(async () => handler())(), late])
  } catch (thrown) {
    throw asError(thrown)
  } finally {
    clearTimeout(timer)
  }
}

/** Our own count: that of uvu is wrong when a hook throws. */
const counted = async (run: () => Promise<void>): Promise<void> => {
  try {
    await run()
    counts.passed++
  } catch (error) {
    counts.failed++
    throw error
  }
}

export const suite = (name: string): Suite => {
  const inner = uvu.suite(name)
  const key = Symbol(name)
  waiting.set(key, name)
  const hook = (handler: Handler) => async () => {
    try {
      await guard(handler, TEST_TIMEOUT * 5)
    } catch (error) {
      counts.failed++
      console.error(`\na hook of suite "${name}" failed:`, error) // uvu drops what hooks throw
      throw error
    }
  }
  const outer = (testName: string, handler: Handler, options: Options = {}) =>
    inner(testName, () => counted(() => guard(handler, options.timeout ?? TEST_TIMEOUT)))
  return Object.assign(outer, {
    before: (handler: Handler) => inner.before(hook(handler)),
    after: (handler: Handler) => inner.after(hook(handler)),
    skip: (testName: string, reason: string) => {
      if (process.env.CI) {
        outer(testName, () => {
          throw new Error(`skipped although CI is set: ${reason}`)
        })
      } else {
        counts.skipped++
        console.log(`SKIPPED ${name}: ${testName} (${reason})`)
        inner.skip(testName)
      }
    },
    run: () => {
      inner.after(() => {
        waiting.delete(key)
      })
      inner.run()
    },
  })
}

/** The error that `run` throws or rejects with; fails if `expected` does not match its code and message. */
export const rejects: typeof rejectionOf = rejectionOf

/** The Failure that `work` rejects with; fails if it does not reject. */
export const fails = async (work: Promise<unknown>): Promise<Failure> =>
  (await rejects(() => work)) as Failure
