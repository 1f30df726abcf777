/**
 * The API pages build without a warning, with the guides in them: every export has a contract and
 * an example. A file that has neither shows that a missing one is found.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

const build = (out: string, settings: string): Promise<[code: number, output: string]> =>
  new Promise((resolve) => {
    const program = join(root, 'node_modules', 'typedoc', 'bin', 'typedoc')
    const args = [program, '--options', join(root, settings), '--out', out]
    const child = execFile(process.execPath, args, { cwd: root }, (_error, stdout, stderr) =>
      resolve([child.exitCode ?? -1, `${stdout}${stderr}`]),
    )
  })

const { dir, remove } = temporaryFolder()
const test = suite('api-pages')
test.after(remove)

/** Milliseconds: the whole package is compiled. */
const PATIENCE = { timeout: 120_000 }

test(
  'the API pages build without a warning and include the guides',
  async () => {
    const [code, output] = await build(dir, 'typedoc.config.mjs')
    assert.is(code, 0, output)
    assert.ok(existsSync(join(dir, 'index.html')))
    const guides = readdirSync(join(dir, 'documents'))
    for (const guide of ['docs_architecture', 'docs_errors', 'crdt_PROTOCOL', 'CONTRIBUTING']) {
      assert.ok(guides.includes(`${guide}.html`), `${guide} is not among ${guides.join(', ')}`)
    }
  },
  PATIENCE,
)

test(
  'an export without a contract or an example causes a warning',
  async () => {
    const [code, output] = await build(dir, 'test/fixtures/docs/typedoc.config.mjs')
    assert.ok(code > 0, output)
    assert.match(output, /bare has no example/)
  },
  PATIENCE,
)

test.run()
