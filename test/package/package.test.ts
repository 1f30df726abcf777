/** The package in a project of its own: what compiles there, and what runs. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { ROOT } from '../helpers/cli.ts'
import { installPackage, type Project } from '../helpers/package.ts'
import { suite } from '../helpers/suite.ts'

const IMPORTS = `import { MemoryHub, MemoryTransport, openMap, SharedMap } from 'pilot-gossip'
import * as Y from 'yjs'
const transport = new MemoryTransport(new MemoryHub(), 'a')
const doc = new Y.Doc()
`

const ENTRIES = `export * from 'pilot-gossip'
export * as bridge from 'pilot-gossip/bridge'
export * as client from 'pilot-gossip/client'
export * as crdt from 'pilot-gossip/crdt'
export * as gossip from 'pilot-gossip/gossip'
export * as hostile from 'pilot-gossip/hostile'
export * as maps from 'pilot-gossip/maps'
export * as testing from 'pilot-gossip/testing'
`

const KEPT = `${IMPORTS}
import type { Json, Keepable } from 'pilot-gossip'
interface Task { readonly owner: string; tags?: readonly string[]; parts: Task[] }
interface Page<T> { items: readonly T[]; next: Page<T> | null }
class Point { constructor(readonly x: number) {} }
enum Level { Low, High }
const map = await openMap<Task>({ swarm: 'kv', transport })
map.set('k', { owner: 'a', parts: [] })
const task: Task | undefined = map.get('k')
map.sibling<readonly string[]>('list').append('k', 'item')
new SharedMap<Page<Task>>(doc, 'm').observe(({ value }) => value?.next?.items)
new SharedMap<Point>(doc, 'm')
new SharedMap<Level | 'none' | null>(doc, 'm')
new SharedMap<readonly [number, Task]>(doc, 'm')
new SharedMap<Record<string, Task>>(doc, 'm')
new SharedMap<any>(doc, 'm').increment('n')
const plain: SharedMap<Json> = new SharedMap(doc, 'm')
const ofJson = <T extends Json>(map: SharedMap<T>): T | undefined => map.get('k')
const ofAny = <T extends Keepable<T>>(map: SharedMap<T>): T | undefined => map.get('k')
await map.until(() => false, { signal: AbortSignal.timeout(1) })
export { ofAny, ofJson, plain, task }
`

/** Of values that JSON cannot keep. */
const UNKEEPABLE = [
  'Date',
  '{ at: Date }',
  '{ list: readonly { at: Date }[] }',
  '() => void',
  '{ run(): void }',
  'bigint',
  '{ n: { big: bigint } }',
  'symbol',
  'undefined',
  '{ n: number } | undefined',
  '{ a: undefined }',
  'Map<string, number>',
  'Uint8Array',
  'unknown',
]

const test = suite('package')
let project: Project
let faults: readonly string[]

/** What the compiler has against that file of the project. */
const faultsOf = (name: string): string[] => faults.filter((fault) => fault.startsWith(name))

test.before(async () => {
  project = await installPackage()
  project.write('entries.ts', ENTRIES)
  project.write('kept.ts', KEPT)
  const maps = UNKEEPABLE.map((type) => `new SharedMap<${type}>(doc, 'm')`)
  project.write('unkeepable.ts', `${IMPORTS}${maps.join('\n')}\n`)
  faults = project.diagnose('entries.ts', 'kept.ts', 'unkeepable.ts')
})

test.after(() => project?.remove())

test('the tarball: holds the examples and the pages, and none of our tests', async () => {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts'],
    { cwd: ROOT },
  )
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const paths = files.map(({ path }) => path)
  for (const path of [
    'README.md',
    'crdt/PROTOCOL.md',
    'docs/values.md',
    'test/examples/provider.ts',
  ])
    assert.ok(paths.includes(path), path)
  assert.equal(
    paths.filter((path) => /^(src|bench|test\/(?!examples))/.test(path)),
    [],
  )
})

test('a program without the types of Node compiles, its declarations checked', () => {
  assert.equal(
    faults.filter((fault) => !fault.startsWith('kept.ts') && !fault.startsWith('unkeepable.ts')),
    [],
  )
})

test('there are maps of interfaces, of classes with fields, and of what is read-only', () => {
  assert.equal(faultsOf('kept.ts'), [])
})

test('there are no maps of what JSON cannot keep', () => {
  const before = IMPORTS.split('\n').length
  assert.equal(
    faultsOf('unkeepable.ts')
      .filter((fault) => fault.includes('does not satisfy the constraint'))
      .map((fault) => UNKEEPABLE[Number(fault.split(':')[1]) - before]),
    UNKEEPABLE,
  )
})

test.run()
