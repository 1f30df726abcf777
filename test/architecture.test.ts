/**
 * Imports go one way: each folder imports only folders above it in the table below. The test reads
 * imports, also those of types, from the sources as text. For each rule a made-up file breaks it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from './helpers/suite.ts'

/**
 * The folders and the loose files, in order: each imports only those above it. A folder inside
 * another has a row of its own; below `test` a row is for everything in it. Tests (`*.test.ts`)
 * import what they test, and no file imports them.
 */
const ORDER: readonly string[] = [
  'crdt',
  'src/errors.ts',
  'src/platform.ts',
  'src/timers.ts',
  'src/clock.ts',
  'src/deferred.ts',
  'src/listeners.ts',
  'src/quote.ts',
  'src/retry-delay.ts',
  'src/within.ts',
  'src/package-version.ts',
  'src/swarm.ts',
  'src/yjs-copy.ts',
  'src/gossip',
  'src/maps',
  'src/fs',
  'src/transports',
  'src/transports/memory',
  'src/transports/mailbox',
  'src/transports/pilot',
  'src/transports/sealed',
  'src/store',
  'src/store/log',
  'src/store/level',
  'src/agent/awareness',
  'src/agent',
  'src/provider',
  'src/control',
  'src/mcp',
  'src/bridge',
  'src/simulation',
  'src/demo',
  'src/connect-map.ts',
  'src/open-map.ts',
  'src/testing',
  'src/hostile',
  'src/entries',
  'src/index.ts',
  'src/cli',
  'src/bin.ts',
  'test/helpers',
  'test/helpers/bridge',
  'test/pilot',
  'bench/runner',
  'bench/engines',
  'bench/workloads',
  'bench/costs',
  'bench/simulate/conditions',
  'bench/simulate',
  'bench/swarm',
  'bench/side',
  'bench/report',
  'bench/main.ts',
  'bench/run.ts',
  'bench/get.ts',
  'test/tools/crash',
  'test/tools/fuzz',
  'test/fixtures/former',
  'test/tools',
  'test/fixtures',
  'test/contracts',
  'test/conformance',
  'test/examples',
  'test/bench',
  'test/package',
]

/** Text by path, relative to the project's root. */
type Sources = Record<string, string>
type Edge = readonly [from: string, to: string]

const COMMENT_OR_STRING = /\/\*.*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/gs
const IMPORT =
  /(?:^|[;}\n])\s*(?:import|export)\b(?:[^'"`;=]*?\bfrom)?\s*['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]/g
/** Globals that make two runs with one input differ, or that reach outside the program. */
const IMPURE =
  /\bconsole\b|\bDate\b|\bMath\.random\b|\bcrypto\b|\bperformance\b|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\.|\bBuffer\b|\bglobalThis\b|\bfetch\(/g
const IMPURE_LIB0 =
  /^lib0\/(?:random|time|webcrypto|crypto|performance|promise|eventloop|logging|environment|storage)\b/

const strip = (text: string, strings: boolean): string =>
  text.replace(COMMENT_OR_STRING, (part) => (part.startsWith('/') || strings ? ' ' : part))

/** All imports of all files: packages by name, files by path. */
const importsOf = (sources: Sources): Edge[] =>
  Object.entries(sources).flatMap(([file, text]) =>
    [...strip(text, false).matchAll(IMPORT)].map(([, from, call = '']): Edge => {
      const target = from ?? call
      return [file, target.startsWith('.') ? posix.join(file, '..', target) : target]
    }),
  )

/** Is `path` the package or folder `name`, or inside it? */
const isOf = (path: string, name: string): boolean => path === name || path.startsWith(`${name}/`)
const isCli = (path: string): boolean => isOf(path, 'src/cli') || path === 'src/bin.ts'
const ships = (path: string): boolean => isOf(path, 'src') || isOf(path, 'crdt')
const isNetwork = (path: string): boolean => path === 'src/transports/memory/network.ts'
const isPure = (path: string): boolean =>
  isOf(path, 'crdt') || isOf(path, 'src/gossip') || isNetwork(path)
const isPackageOfCrdt = (name: string): boolean =>
  isOf(name, 'yjs') || (isOf(name, 'lib0') && !IMPURE_LIB0.test(name))

const isTest = (path: string): boolean => /\.(?:test|vitest)\.ts$/.test(path)

/** The row of a file in the table, by its own name or its folder's; -1 if there is none. */
const rowOf = (path: string): number => {
  const row = ORDER.indexOf(path)
  const folder = posix.dirname(path)
  if (row >= 0 || folder === '.') return row
  return isOf(folder, 'test') ? rowOf(folder) : ORDER.indexOf(folder)
}

/** Forbidden imports, by the rule that they break. */
const forbidden: Record<string, (from: string, to: string) => boolean> = {
  'crdt imports yjs, lib0 and itself': (from, to) =>
    isOf(from, 'crdt') && !isOf(to, 'crdt') && !isPackageOfCrdt(to),
  'gossip imports crdt and itself': (from, to) =>
    isOf(from, 'src/gossip') && !isOf(to, 'src/gossip') && to !== 'crdt/index.ts',
  'the model of the network imports nothing': (from) => isNetwork(from),
  'src enters crdt through its index': (from, to) =>
    isOf(from, 'src') && isOf(to, 'crdt') && to !== 'crdt/index.ts',
  'one file imports execa': (from, to) =>
    ships(from) && isOf(to, 'execa') && from !== 'src/transports/pilot/process.ts',
  'one file imports classic-level': (from, to) =>
    ships(from) && isOf(to, 'classic-level') && from !== 'src/store/level/level-database.ts',
  'only the bridge imports ws': (from, to) =>
    ships(from) && isOf(to, 'ws') && !isOf(from, 'src/bridge'),
  'only the command line starts a bridge': (from, to) =>
    ships(from) && isOf(to, 'src/bridge') && !isOf(from, 'src/bridge') && !isCli(from),
  'the store on LevelDB stands alone': (from, to) =>
    ships(from) && isOf(to, 'src/store/level') && !isOf(from, 'src/store/level'),
  'the two stores do not import each other': (from, to) =>
    isOf(from, 'src/store/level') && isOf(to, 'src/store/log'),
  'maps import no module of Node': (from, to) =>
    (isOf(from, 'src/maps') || from === 'src/errors.ts' || from === 'src/yjs-copy.ts') &&
    to.startsWith('node:'),
  'no code that ships imports the contract suites or attacks': (from, to) =>
    ['src/testing', 'src/hostile'].some(
      (suite) => ships(from) && isOf(to, suite) && !isOf(from, suite),
    ),
  'what ships imports no test and no bench': (from, to) =>
    ships(from) && (isOf(to, 'test') || isOf(to, 'bench')),
  'the library does not import its command line': (from, to) =>
    ships(from) && !isCli(from) && isCli(to),
  'no file imports a test': (_, to) => isTest(to),
  'each folder imports only those above it': (from, to) =>
    !isTest(from) && rowOf(from) >= 0 && rowOf(to) > rowOf(from),
}

/**
 * Fields of Yjs and lib0 that they do not document. One file touches them, so that a new version
 * breaks that file alone.
 */
const INNER =
  /\b_(?:start|map|item|searchMarker|transaction|transactionCleanups|mergeStructs|observers|length|dEH|eH)\b|\bstore\.clients\b|\bclients\b(?=[^\n]*=[^\n]*\bstore\b)|\bpending(?:Structs|Ds)\b|new Y\.Item\(/g

const INNER_FILE = 'crdt/yjs-inner.ts'

/** A path through `edges` that ends where it begins; empty if there is none. */
const findCircle = (edges: readonly Edge[]): readonly string[] => {
  const done = new Set<string>()
  const visit = (node: string, way: readonly string[]): readonly string[] => {
    if (way.includes(node)) return [...way.slice(way.indexOf(node)), node]
    if (done.has(node)) return []
    done.add(node)
    for (const [from, to] of edges) {
      const circle = from === node ? visit(to, [...way, node]) : []
      if (circle.length > 0) return circle
    }
    return []
  }
  return edges.map(([from]) => visit(from, [])).find((circle) => circle.length > 0) ?? []
}

/** All faults of the sources, one line each: the rule, the file and the import. */
const findFaults = (sources: Sources): string[] => {
  const edges = importsOf(sources)
  const faults = Object.entries(forbidden).flatMap(([rule, breaks]) =>
    edges.filter((edge) => breaks(...edge)).map((edge) => `${rule}: ${edge.join(' -> ')}`),
  )
  for (const [file, text] of Object.entries(sources).filter(([file]) => isPure(file))) {
    for (const [word] of strip(text, true).matchAll(IMPURE)) {
      faults.push(`pure files use no clock, chance, timer or host: ${file} -> ${word}`)
    }
  }
  for (const [file, text] of Object.entries(sources)) {
    if (!ships(file) || file === INNER_FILE) continue
    for (const [word] of strip(text, true).matchAll(INNER)) {
      faults.push(`one file touches inner fields of Yjs: ${file} -> ${word}`)
    }
  }
  for (const file of Object.keys(sources).filter((file) => !isTest(file) && rowOf(file) < 0)) {
    faults.push(`the table of folders has a row for each: ${file}`)
  }
  const circle = findCircle(edges)
  if (circle.length > 0) faults.push(`no circles: ${circle.join(' -> ')}`)
  return faults
}

/** Our sources except this file, whose examples are not imports. */
const readSources = (): Sources => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const paths = ['crdt', 'src', 'test', 'bench'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.ts') && !path.endsWith('architecture.test.ts')),
  )
  return Object.fromEntries(paths.map((path) => [path, readFileSync(`${root}${path}`, 'utf8')]))
}

const test = suite('architecture')

test('imports: go one way', () => {
  const sources = readSources()
  assert.equal(findFaults(sources), [])
  const files = importsOf(sources).filter(([, to]) => ships(to) || isOf(to, 'test'))
  assert.ok(files.length > 20, 'the imports were not read')
  assert.equal(
    files.filter(([, to]) => !(to in sources)),
    [],
    'imports of files that do not exist',
  )
})

const broken: readonly (readonly [file: string, text: string, fault: string])[] = [
  ['crdt/a.ts', `import { x } from 'node:fs'`, 'crdt/a.ts -> node:fs'],
  ['crdt/a.ts', `import {\n  x,\n} from '../src/b.ts'`, 'crdt/a.ts -> src/b.ts'],
  ['crdt/a.ts', `x(); import 'lib0/random'`, 'crdt/a.ts -> lib0/random'],
  ['crdt/a.ts', `const x = await import('y')`, 'crdt/a.ts -> y'],
  ['crdt/a.ts', 'x(Date.now())', 'crdt/a.ts -> Date'],
  ['crdt/a.ts', `x('it') // it's\nconsole.log(1)`, 'crdt/a.ts -> console'],
  ['crdt/a.ts', 'x = crypto.randomUUID()', 'crdt/a.ts -> crypto'],
  ['src/gossip/a.ts', `export * from '../b.ts'`, 'gossip imports crdt and itself'],
  ['src/gossip/a.ts', `import type { X } from '../../crdt/x.ts'`, '-> crdt/x.ts'],
  ['src/gossip/a.ts', 'x(Math.random())', '-> Math.random'],
  ['src/maps/a.ts', 'x(type._start)', 'touches inner fields of Yjs: src/maps/a.ts -> _start'],
  ['crdt/a.ts', 'const { clients } = doc.store', '-> clients'],
  ['crdt/a.ts', 'x(doc.store.pendingDs)', '-> pendingDs'],
  ['src/transports/memory/network.ts', `import 'yjs'`, '-> yjs'],
  ['src/transports/memory/network.ts', 'setTimeout(x)', '-> setTimeout'],
  ['src/a/b.ts', `import { x } from '../../crdt/x.ts'`, 'through its index: src/a/b.ts'],
  ['src/a.ts', `import { execa } from 'execa'`, 'one file imports execa: src/a.ts'],
  ['src/a.ts', `await import('classic-level')`, 'one file imports classic-level: src/a.ts'],
  ['src/a.ts', `import { WebSocket } from 'ws'`, 'only the bridge imports ws: src/a.ts'],
  ['src/index.ts', `export * from './bridge/index.ts'`, 'only the command line starts a bridge'],
  ['src/index.ts', `export * from './store/level/index.ts'`, 'stands alone: src/index.ts'],
  [
    'src/store/level/a.ts',
    `import '../log/b.ts'`,
    'do not import each other: src/store/level/a.ts',
  ],
  ['src/maps/a.ts', `import 'node:path'`, 'no module of Node: src/maps/a.ts -> node:path'],
  [
    'src/index.ts',
    `export * from './testing/index.ts'`,
    'the contract suites or attacks: src/index.ts',
  ],
  ['src/a.ts', `import './hostile/index.ts'`, 'the contract suites or attacks: src/a.ts'],
  ['src/a.ts', `import x from '../test/b.ts'`, 'no test and no bench: src/a.ts'],
  ['src/a.ts', `import x from './cli/x.ts'`, 'its command line: src/a.ts -> src/cli/x.ts'],
  ['src/a/b.ts', `export { x } from '../bin.ts'`, 'its command line: src/a/b.ts -> src/bin.ts'],
  ['test/a.ts', `import './a.ts'`, 'no circles: test/a.ts -> test/a.ts'],
  ['src/a.ts', '', 'has a row for each: src/a.ts'],
  ['src/agent/new/a.ts', '', 'has a row for each: src/agent/new/a.ts'],
  ['test/helpers/a.ts', `import '../crdt/a.test.ts'`, 'no file imports a test: test/helpers/a.ts'],
  ['src/fs/a.ts', `import '../store/a.ts'`, 'those above it: src/fs/a.ts -> src/store/a.ts'],
  [
    'src/store/a.ts',
    `import type { X } from './log/x.ts'`,
    'above it: src/store/a.ts -> src/store/log',
  ],
  ['src/maps/a.ts', `import '../index.ts'`, 'above it: src/maps/a.ts -> src/index.ts'],
  [
    'test/helpers/a.ts',
    `import '../../bench/run.ts'`,
    'above it: test/helpers/a.ts -> bench/run.ts',
  ],
]

for (const [file, text, fault] of broken) {
  test(`imports: the test finds ${fault}`, () => {
    const faults = findFaults({ [file]: text })
    assert.ok(
      faults.some((found) => found.includes(fault)),
      `found [${faults}]`,
    )
  })
}

test('imports: circles of files and of folders are found, also by types', () => {
  const files = {
    'src/fs/a.ts': `import './b.ts'`,
    'src/fs/b.ts': `import type { C } from './c.ts'`,
    'src/fs/c.ts': `export { b } from './b.ts'`,
  }
  assert.equal(findFaults(files), ['no circles: src/fs/b.ts -> src/fs/c.ts -> src/fs/b.ts'])
  const folders = { 'src/fs/x.ts': `import '../maps/x.ts'`, 'src/maps/y.ts': `import '../fs/y.ts'` }
  assert.equal(findFaults(folders), [
    'each folder imports only those above it: src/maps/y.ts -> src/fs/y.ts',
  ])
})

test('table: each row is there once and has a file', () => {
  const files = Object.keys(readSources())
  assert.is(new Set(ORDER).size, ORDER.length)
  assert.equal(
    ORDER.filter((row) => !files.some((file) => isOf(file, row))),
    [],
  )
})

test('imports: allowed ones pass; comments and strings are not read', () => {
  const fine = {
    'crdt/index.ts': `import * as Y from 'yjs'\nimport 'lib0/encoding'\nimport './a.ts' // Date.now()`,
    'crdt/a.ts': `/** import 'execa' */\nconst x = 'Math.random()' // import 'node:fs'`,
    'src/gossip/a.ts': `import { x } from '../../crdt/index.ts'\nexport const from = x`,
    'src/transports/pilot/process.ts': `import { execa } from 'execa'\nimport '../../gossip/a.ts'`,
    'src/cli/x.ts': `import '../transports/pilot/process.ts'`,
    'src/bin.ts': `import './cli/x.ts'`,
    'test/helpers/a.ts': `import '../../src/cli/x.ts'`,
    'test/fs/a.test.ts': `import '../bench/x.ts'`,
  }
  assert.equal(findFaults(fine), [])
})

test.run()
