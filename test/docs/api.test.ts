/**
 * The API pages build without a warning: every export has a contract and an example. That a
 * missing one is noticed is shown on a file that has neither.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const build = (out: string, settings: string): Promise<[code: number, told: string]> =>
  new Promise((resolve) => {
    const program = join(root, 'node_modules', 'typedoc', 'bin', 'typedoc')
    const args = [program, '--options', join(root, settings), '--out', out]
    const child = execFile(process.execPath, args, { cwd: root }, (_error, stdout, stderr) =>
      resolve([child.exitCode ?? -1, `${stdout}${stderr}`]),
    )
  })

const { dir, remove } = temporaryFolder()
const test = suite('docs')
test.after(remove)

/** Milliseconds: it compiles all that ships. */
const PATIENCE = { timeout: 120_000 }

test(
  'the API pages build without a warning',
  async () => {
    const [code, told] = await build(dir, 'typedoc.config.mjs')
    assert.is(code, 0, told)
    assert.ok(existsSync(join(dir, 'index.html')))
  },
  PATIENCE,
)

test(
  'an export without a contract or an example is noticed',
  async () => {
    const [code, told] = await build(dir, 'test/fixtures/docs/typedoc.config.mjs')
    assert.ok(code > 0, told)
    assert.match(told, /bare has no example/)
  },
  PATIENCE,
)

test.run()
