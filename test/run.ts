/**
 * Runs the tests: every `*.test.ts` below this folder, or those whose path contains one
 * of the arguments. Ends with one line, `N passed, N failed`, and exit code 1 on failure.
 *
 * node --import tsx test/run.ts [gossip transports …]
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run } from 'uvu/run'
import { counts } from './helpers/suite.ts'

const root = fileURLToPath(new URL('.', import.meta.url))
const wanted = process.argv.slice(2)
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()

process.on('exit', () => {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  if (counts.passed + counts.failed === 0) process.exitCode = 1
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
})

await run(files.map((name) => ({ name, file: `${root}${name}` })))
// A test that failed may have left a timer or a child: the run must end all the same.
process.exit()
