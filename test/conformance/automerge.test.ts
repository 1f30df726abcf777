/**
 * automerge-repo's own acceptance tests pass over our stores and transports. They are written
 * in vitest, which runs here once, in a process of its own, and says in JSON what became of them.
 */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

/** Milliseconds. It takes 4 s where nothing else runs. */
const TIMEOUT = 120_000

/** As many as automerge-repo has: fewer would mean that some were not found. */
const EXPECTED = { LogStore: 11, LevelStore: 11, MemoryTransport: 7, MailboxTransport: 7 }

/** What is read of vitest's JSON. */
interface Result {
  readonly ancestorTitles: readonly string[]
  readonly fullName: string
  readonly status: string
  readonly failureMessages: readonly string[]
}
interface Report {
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly Result[]
  }[]
}

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Runs all `*.vitest.ts` of this folder. */
const runVitest = (report: string): Promise<{ code: unknown; output: string }> => {
  const vitest = pathOf('../../node_modules/vitest/vitest.mjs')
  const config = pathOf('vitest.config.ts')
  const args = [vitest, 'run', '--config', config, '--reporter=json', `--outputFile=${report}`]
  return new Promise((resolve) => {
    execFile(process.execPath, args, { timeout: TIMEOUT }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal) : 0, output: stdout + stderr }),
    )
  })
}

const test = suite('conformance: automerge-repo')
const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-vitest-'))
let report: Report
let results: readonly Result[]

test.before(async () => {
  const file = join(dir, 'report.json')
  const { code, output } = await runVitest(file)
  try {
    report = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`vitest ended with ${code} and left no report:\n${output}`, { cause: error })
  }
  results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
})

test.after(() => rmSync(dir, { recursive: true, force: true }))

for (const [subject, expected] of Object.entries(EXPECTED)) {
  test(`${subject} passes all ${expected}`, () => {
    const own = results.filter(({ ancestorTitles }) => ancestorTitles.includes(subject))
    const bad = own
      .filter(({ status }) => status !== 'passed')
      .map(({ fullName, status, failureMessages }) => `${status}: ${fullName}: ${failureMessages}`)
    assert.equal(bad, [])
    assert.is(own.length, expected)
  })
}

test('nothing else went wrong', () => {
  const messages = report.testResults.map(({ message }) => message).filter(Boolean)
  assert.equal(messages, [])
  assert.is(report.success, true)
  const expected = Object.values(EXPECTED).reduce((sum, count) => sum + count, 0)
  assert.is(results.length, expected)
})

test.run()
