/** SECURITY.md: each promise names a test file, and the file exists and holds tests. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

const test = suite('security promises')

/** The rows of the table of promises, as their cells. */
const promisesOf = (page: string): string[][] => {
  const section = page.split('\n## What is promised\n')[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2) // The head and its rule.
    .map((line) => line.split('|').slice(1, -1))
}

test('each promise names a test file that exists', () => {
  const rows = promisesOf(readFileSync(`${root}SECURITY.md`, 'utf8'))
  assert.ok(rows.length >= 10, `${rows.length} promises`)
  for (const [promise, against, file] of rows) {
    const path = file?.match(/^ `(test\/[^`]+\.test\.ts)` $/)?.[1]
    assert.ok(path && against?.trim(), `no test file or attacker: ${promise}`)
    assert.ok(existsSync(`${root}${path}`), `${path} does not exist`)
  }
})

test.run()
