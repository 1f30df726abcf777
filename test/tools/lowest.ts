/**
 * Runs the tests that touch Yjs and LevelDB with the lowest versions that `package.json` allows, in
 * a copy of the project: `npm run test:lowest`. Arguments choose other tests.
 *
 * node --import tsx test/tools/lowest.ts [crdt/ maps/ …]
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../helpers/cli.ts'
import { temporaryFolder } from '../helpers/folder.ts'

/** The packages whose objects a program shares with us. */
const SHARED = ['yjs', 'lib0', 'y-protocols', 'classic-level']

/** What depends on the inside of these packages. The whole suite would take a quarter of an hour more. */
const TESTS = ['crdt/', 'maps/', 'gossip/', 'provider/', 'store/', 'awareness/', 'bridge/sync']

const PARTS = ['crdt', 'src', 'test', 'bench', 'package.json', 'tsconfig.json']

type Ranges = Readonly<Record<string, string>>

/** `^13.6.20` allows no version below 13.6.20. */
const lowestOf = (name: string): string => {
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  ) as { dependencies: Ranges; peerDependencies: Ranges }
  const range = peerDependencies[name] ?? dependencies[name] ?? ''
  const [, version] = /^\^(\d+\.\d+\.\d+)$/.exec(range) ?? []
  if (version === undefined) throw new Error(`the range of ${name} is "${range}", not ^1.2.3`)
  return version
}

const install = (dir: string, versions: readonly string[]): void => {
  mkdirSync(dir)
  writeFileSync(join(dir, 'package.json'), '{"private":true}')
  // An exact version may be below what another of them requires: that is what is tested.
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--legacy-peer-deps']
  execFileSync('npm', ['install', ...options, ...versions], { cwd: dir, stdio: 'inherit' })
}

/** Hard links if they are possible: the modules take some hundred megabytes. */
const copyModules = (to: string): void => {
  const { status } = spawnSync('cp', ['-al', join(ROOT, 'node_modules'), to])
  if (status !== 0) cpSync(join(ROOT, 'node_modules'), to, { recursive: true })
}

const { dir, remove } = temporaryFolder()
try {
  const versions = SHARED.map((name) => `${name}@${lowestOf(name)}`)
  console.log(`tests with ${versions.join(', ')}`)
  const installed = join(dir, 'lowest')
  install(installed, versions)
  const copy = join(dir, 'copy')
  for (const part of PARTS) cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  copyModules(join(copy, 'node_modules'))
  for (const name of readdirSync(join(installed, 'node_modules'))) {
    if (name.startsWith('.')) continue
    rmSync(join(copy, 'node_modules', name), { recursive: true, force: true })
    renameSync(join(installed, 'node_modules', name), join(copy, 'node_modules', name))
  }
  const chosen = process.argv.slice(2)
  const runner = [join(copy, 'test/tools/run.ts'), ...(chosen.length > 0 ? chosen : TESTS)]
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', ...runner], {
    cwd: copy,
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
} finally {
  remove()
}
