/**
 * uvu with its four holes closed. Bare uvu 0.5 ends green when a test throws something
 * that is no Error, when `.run()` was forgotten, and when a promise never settles; and it
 * cannot assert a rejection. `test/tools/suite.test.ts` shows each of them red.
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

// uvu decides as it is loaded whether suites start themselves. Below the runner, which loads
// this file before it can say so, they would run twice and side by side.
const runner = fileURLToPath(new URL('../tools/run.ts', import.meta.url))
const [, started = ''] = process.argv
if (existsSync(started) && realpathSync(started) === runner) {
  Object.assign(globalThis, { UVU_DEFER: 1 })
}
const uvu = await import('uvu')

/** Milliseconds. Long enough for a slow machine; a test that hangs must still end the run. */
const TEST_TIMEOUT = 60_000

type Handler = () => unknown

interface Options {
  /** milliseconds a test may take; default 60,000 */
  readonly timeout?: number
}

export interface Suite {
  (name: string, handler: Handler, options?: Options): void
  before(hook: Handler): void
  after(hook: Handler): void
  /** Leaves a test out, saying why; where `CI` is set it fails instead. */
  skip(name: string, reason: string): void
  run(): void
}

/** Suites that have not run to their end, by a key of their own: two may bear one name. */
const waiting = new Map<symbol, string>()
export const counts = { passed: 0, failed: 0, skipped: 0 }

// The last word is ours: uvu sets the exit code to 0 when its queue looks empty.
process.on('exit', () => {
  for (const name of waiting.values())
    console.error(`suite "${name}" never ran to its end: is .run() missing?`)
  if (waiting.size > 0 || counts.failed > 0) process.exitCode = 1
})

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(`threw what is no Error: ${inspect(thrown)}`)

/** Runs the handler; rejects with an Error whatever it threw, and when it takes too long. */
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

/** Counts beside uvu, whose own count cannot be trusted when a hook throws. */
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
          throw new Error(`skipped where CI is set: ${reason}`)
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

/** The Failure that `work` rejects with; fails when it does not. */
export const fails = async (work: Promise<unknown>): Promise<Failure> =>
  (await rejects(() => work)) as Failure
