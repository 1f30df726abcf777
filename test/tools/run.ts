/**
 * Runs the tests: every `*.test.ts` below `test`, or those whose path contains one of the arguments.
 * The last line is `N passed, N failed`; the exit code is 1 on failure.
 *
 * node --import tsx test/tools/run.ts [gossip transports …]
 *
 * A run of all tests runs two files at a time, each in a process of its own: most of them wait more
 * than they compute.
 */
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { run } from 'uvu/run'
import { counts } from '../helpers/suite.ts'
import { runApart } from './run-apart.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const [first, ...others] = process.argv.slice(2)
/** `--file` selects the file of exactly that name: its name may be part of another. */
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
// A failed test may have left a timer or a child, which must not keep the run alive.
process.exit()
