/**
 * The examples in pages and in comments: all compile, and those that are marked `ts run` run to
 * their end. Faulty examples made up here show that a fault is found.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { compileExamples, readEntries } from '../helpers/example-compiler.ts'
import { type Fence, fencesOf, filesOf, isCode, readFences } from '../helpers/fences.ts'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const test = suite('examples-in-prose')

/** Milliseconds: all our sources are compiled once. */
const PATIENCE = { timeout: 240_000 }

/** Modules whose exports an example in a comment may use. */
const modules = filesOf(root, '.ts').filter(
  (path) => /^(?:bench|crdt|src|test)\//.test(path) && !/\.(?:test|vitest|d)\.ts$/.test(path),
)

const pages = readFences(root, '.md').filter(isCode)
const comments = readFences(root, '.ts').filter(isCode)

/** Faulty examples of a page and of a comment. */
const FAULTY = `
\`\`\`ts
import { openMap } from 'pilot-gossip'
const map = await openMap({ swarm: 'kv' })
map.sett('k', 1)
\`\`\`

\`\`\`ts
map.set('k', 1)
\`\`\`
`
const FAULTY_COMMENT = `/**
 * \`\`\`ts
 * const failure = new Failure('no_such_code', message)
 * new NoSuchClass(failure)
 * \`\`\`
 */`

test(
  'all examples compile, and a faulty one does not',
  () => {
    assert.ok(pages.length > 8, `only ${pages.length} examples in pages were found`)
    assert.ok(comments.length > 200, `only ${comments.length} examples in comments were found`)
    const made = [
      ...fencesOf('docs/made-up.md', FAULTY),
      ...fencesOf('src/errors.ts', FAULTY_COMMENT),
    ]
    const faults = compileExamples(root, [...pages, ...comments, ...made], modules)
    const expected = [
      /^docs\/made-up\.md:5: .*'sett'/,
      /^docs\/made-up\.md:9: Cannot find name 'map'/,
      /^src\/errors\.ts:3: .*no_such_code/,
      /^src\/errors\.ts:3: no module exports a class NoSuchClass/,
    ]
    for (const pattern of expected) {
      assert.ok(
        faults.some((fault) => pattern.test(fault)),
        `${pattern} is not among ${faults.join('\n')}`,
      )
    }
    assert.equal(
      faults.filter((fault) => !expected.some((pattern) => pattern.test(fault))),
      [],
    )
  },
  PATIENCE,
)

/** Runs an example as a program, in folders of its own; resolves to its exit code and output. */
const runExample = (fence: Fence, dir: string): Promise<[code: number | null, text: string]> => {
  const folder = join(root, '.cache', 'examples')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${process.pid}-${fence.line}.ts`)
  // Import the sources, not the last build.
  const code = Object.entries(readEntries(root)).reduce(
    (text, [name, [path]]) => text.replaceAll(`from '${name}'`, `from '${path}'`),
    fence.code.replaceAll('/tmp/', `${dir}/`),
  )
  writeFileSync(file, code)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', file], { cwd: root })
    const timer = setTimeout(() => child.kill('SIGKILL'), 45_000)
    let text = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
    }
    child.once('close', (code) => {
      clearTimeout(timer)
      rmSync(file)
      resolve([code, text])
    })
  })
}

for (const fence of [...pages, ...comments].filter(({ isRun }) => isRun)) {
  test(`${fence.file}:${fence.line} runs to its end`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-example-'))
    try {
      const [code, text] = await runExample(fence, dir)
      assert.is(code, 0, text)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
}

test('some examples are marked to be run', () => {
  assert.ok([...pages, ...comments].filter(({ isRun }) => isRun).length >= 3)
})

test.run()
