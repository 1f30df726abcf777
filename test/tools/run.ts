/**
 * Runs the tests: every `*.test.ts` below `test`, or those whose path contains one
 * of the arguments. Ends with one line, `N passed, N failed`, and exit code 1 on failure.
 *
 * node --import tsx test/tools/run.ts [gossip transports …]
 *
 * All of them run two at a time, each file in a process of its own, for most of them wait more than
 * they compute.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run } from 'uvu/run'
import { counts } from '../helpers/suite.ts'
import { runApart } from './run-apart.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const [first, ...others] = process.argv.slice(2)
/** With `--file` only the file of exactly that name: parts of names may be in others. */
const isExact = first === '--file'
const wanted = isExact || first === undefined ? others : [first, ...others]
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .filter(
    (name) =>
      wanted.length === 0 || wanted.some((part) => (isExact ? name === part : name.includes(part))),
  )
  .sort()

process.on('exit', () => {
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''
  if (counts.passed + counts.failed === 0 || counts.failed > 0) process.exitCode = 1
  console.log(`${counts.passed} passed, ${counts.failed} failed${skipped}`)
})

if (wanted.length > 0) await run(files.map((name) => ({ name, file: `${root}${name}` })))
else await runApart(files, counts, (text) => process.stdout.write(text))
// A test that failed may have left a timer or a child: the run must end all the same.
process.exit()
