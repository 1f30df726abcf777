/**
 * Imports go one way: crdt (pure) <- src/gossip (pure) <- src <- src/cli. Read from the
 * sources as text, type imports too; and each rule is shown a file that breaks it.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { suite } from './helpers/suite.ts'

/** Text by path, as seen from the project's root. */
type Sources = Record<string, string>
type Edge = readonly [from: string, to: string]

const COMMENT_OR_STRING = /\/\*.*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/gs
const IMPORT =
  /(?:^|[;}\n])\s*(?:import|export)\b(?:[^'"`;=]*?\bfrom)?\s*['"]([^'"]+)['"]|\b(?:import|require)\(\s*['"]([^'"]+)['"]/g
/** Whatever lets two runs over the same input differ, or reaches out of the program. */
const IMPURE =
  /\bconsole\b|\bDate\b|\bMath\.random\b|\bcrypto\b|\bperformance\b|\b(?:set|clear)(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\.|\bBuffer\b|\bglobalThis\b|\bfetch\(/g
const IMPURE_LIB0 =
  /^lib0\/(?:random|time|webcrypto|crypto|performance|promise|eventloop|logging|environment|storage)\b/

const strip = (text: string, strings: boolean): string =>
  text.replace(COMMENT_OR_STRING, (part) => (part.startsWith('/') || strings ? ' ' : part))

/** Each import of each file: packages by name, files by path. */
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
const isNetwork = (path: string): boolean => path === 'src/transports/network.ts'
const isPure = (path: string): boolean =>
  isOf(path, 'crdt') || isOf(path, 'src/gossip') || isNetwork(path)
const isPackageOfCrdt = (name: string): boolean =>
  isOf(name, 'yjs') || (isOf(name, 'lib0') && !IMPURE_LIB0.test(name))

/** Imports that must not be, by the rule they break. */
const forbidden: Record<string, (from: string, to: string) => boolean> = {
  'crdt imports yjs, lib0 and itself': (from, to) =>
    isOf(from, 'crdt') && !isOf(to, 'crdt') && !isPackageOfCrdt(to),
  'gossip imports crdt and itself': (from, to) =>
    isOf(from, 'src/gossip') && !isOf(to, 'src/gossip') && to !== 'crdt/index.ts',
  'the model of the network imports nothing': (from) => isNetwork(from),
  'src enters crdt through its index': (from, to) =>
    isOf(from, 'src') && isOf(to, 'crdt') && to !== 'crdt/index.ts',
  'one file imports execa': (from, to) =>
    ships(from) && isOf(to, 'execa') && from !== 'src/pilot/process.ts',
  'one file imports classic-level': (from, to) =>
    ships(from) && isOf(to, 'classic-level') && from !== 'src/store/level-database.ts',
  'only the bridge imports ws': (from, to) =>
    ships(from) && isOf(to, 'ws') && !isOf(from, 'src/bridge'),
  'only the command line starts a bridge': (from, to) =>
    ships(from) && isOf(to, 'src/bridge') && !isOf(from, 'src/bridge') && !isCli(from),
  'the store on LevelDB stands alone': (from, to) =>
    ships(from) && /^src\/store\/level/.test(to) && !/^src\/store\/level/.test(from),
  'what ships imports no test and no bench': (from, to) =>
    ships(from) && (isOf(to, 'test') || isOf(to, 'bench')),
  'the library does not know its command line': (from, to) =>
    ships(from) && !isCli(from) && isCli(to),
}

/** The folder below src, where the file is in one. */
const folderOf = (path: string): string => /^src\/[^/]+(?=\/)/.exec(path)?.[0] ?? ''

/** A way through `edges` that ends where it began, or nothing. */
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

/** All that is wrong with the sources, one line each: the rule, the file and the import. */
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
  const folders = edges
    .map(([from, to]): Edge => [folderOf(from), folderOf(to)])
    .filter(([from, to]) => from && to && from !== to)
  for (const circle of [findCircle(edges), findCircle(folders)]) {
    if (circle.length > 0) faults.push(`no circles: ${circle.join(' -> ')}`)
  }
  return faults
}

/** All of ours but this file, whose examples are no imports. */
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

test('imports go one way', () => {
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
  ['src/transports/network.ts', `import 'yjs'`, '-> yjs'],
  ['src/transports/network.ts', 'setTimeout(x)', '-> setTimeout'],
  ['src/a/b.ts', `import { x } from '../../crdt/x.ts'`, 'through its index: src/a/b.ts'],
  ['src/a.ts', `import { execa } from 'execa'`, 'one file imports execa: src/a.ts'],
  ['src/a.ts', `await import('classic-level')`, 'one file imports classic-level: src/a.ts'],
  ['src/a.ts', `import { WebSocket } from 'ws'`, 'only the bridge imports ws: src/a.ts'],
  ['src/index.ts', `export * from './bridge/index.ts'`, 'only the command line starts a bridge'],
  ['src/index.ts', `export * from './store/level.ts'`, 'stands alone: src/index.ts'],
  ['src/a.ts', `import x from '../test/b.ts'`, 'no test and no bench: src/a.ts'],
  ['src/a.ts', `import x from './cli/x.ts'`, 'its command line: src/a.ts -> src/cli/x.ts'],
  ['src/a/b.ts', `export { x } from '../bin.ts'`, 'its command line: src/a/b.ts -> src/bin.ts'],
  ['test/a.ts', `import './a.ts'`, 'no circles: test/a.ts -> test/a.ts'],
]

for (const [file, text, fault] of broken) {
  test(`would notice: ${fault}`, () => {
    const faults = findFaults({ [file]: text })
    assert.ok(
      faults.some((told) => told.includes(fault)),
      `told [${faults}]`,
    )
  })
}

test('would notice circles of files, by types too, and of folders', () => {
  const files = {
    'src/a.ts': `import './b.ts'`,
    'src/b.ts': `import type { C } from './c.ts'`,
    'src/c.ts': `export { b } from './b.ts'`,
  }
  assert.equal(findFaults(files), ['no circles: src/b.ts -> src/c.ts -> src/b.ts'])
  const folders = { 'src/a/x.ts': `import '../b/x.ts'`, 'src/b/y.ts': `import '../a/y.ts'` }
  assert.equal(findFaults(folders), ['no circles: src/a -> src/b -> src/a'])
})

test('lets pass what may be, and reads neither comments nor strings', () => {
  const fine = {
    'crdt/index.ts': `import * as Y from 'yjs'\nimport 'lib0/encoding'\nimport './a.ts' // Date.now()`,
    'crdt/a.ts': `/** import 'execa' */\nconst x = 'Math.random()' // import 'node:fs'`,
    'src/gossip/a.ts': `import { x } from '../../crdt/index.ts'\nexport const from = x`,
    'src/pilot/process.ts': `import { execa } from 'execa'\nimport '../gossip/a.ts'`,
    'src/cli/x.ts': `import '../pilot/process.ts'`,
    'src/bin.ts': `import './cli/x.ts'`,
    'test/a.ts': `import '../src/cli/x.ts'`,
  }
  assert.equal(findFaults(fine), [])
})

test.run()
