/**
 * The real `pilotctl` and `pilot-daemon` of a version, from the Python package that contains them.
 * They are kept in `.cache/pilot/VERSION/`, so only the first run downloads.
 *
 * ```ts
 * const reason = available(['1.18.0'])
 * if (reason === undefined) spawn(programs('1.18.0').pilotctl, ['--json', 'info'])
 * ```
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The versions that the project is tested with: each differs from the one before in a relevant way. */
export const VERSIONS = ['1.7.2', '1.10.0', '1.13.8', '1.13.11', '1.17.0', '1.18.0'] as const

/** Milliseconds for one run of pip: 25 MB over a slow line; with a dead line it must still end. */
const DOWNLOAD_TIMEOUT = 120_000
/** Milliseconds for a program to print its version. It takes 15 ms; a cold disk takes longer. */
const CHECK_TIMEOUT = 10_000

const CACHE = fileURLToPath(new URL('../../.cache/pilot/', import.meta.url))

/** The wheels contain static programs; their tags name a Python and a libc that the host need not have. */
const PIP_TARGET = [
  '--only-binary=:all:',
  '--python-version=3.11',
  '--implementation=cp',
  '--abi=cp311',
  '--abi=none',
  '--platform=manylinux_2_35_x86_64',
  '--platform=manylinux_2_34_x86_64',
]

export interface Programs {
  readonly version: string
  readonly pilotctl: string
  readonly daemon: string
}

/** Runs to the end; throws an Error with the last line of stderr if it fails. */
const run = (command: string, args: readonly string[], timeout: number, home?: string): string => {
  const env = { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: '1', ...(home && { HOME: home }) }
  const done = spawnSync(command, args, { encoding: 'utf8', timeout, env })
  if (done.error) throw new Error(`${command} does not run: ${done.error.message}`)
  if (done.status === 0) return done.stdout
  const lastLine = done.stderr.trim().split('\n').at(-1) ?? ''
  throw new Error(`${command} ${args.slice(0, 3).join(' ')} failed: ${lastLine}`)
}

/** They get a home of their own: they must neither read nor write the user's `~/.pilot`. */
const check = (found: Programs): void => {
  const home = dirname(found.pilotctl)
  const reported = run(found.pilotctl, ['--json', 'version'], CHECK_TIMEOUT, home).trim()
  // Versions before 1.13 report "dev".
  if (reported !== found.version && reported !== 'dev')
    throw new Error(`${found.pilotctl} reports version "${reported}"`)
  run(found.daemon, ['-version'], CHECK_TIMEOUT, home)
}

/** Downloads beside the final folder and renames: two processes may do it at once. */
const download = (version: string): void => {
  mkdirSync(CACHE, { recursive: true })
  const scratch = mkdtempSync(join(CACHE, '.unpack-'))
  try {
    const source = ['pip', 'download', '--quiet', '--no-deps', `--dest=${scratch}`, ...PIP_TARGET]
    run('python3', ['-m', ...source, `pilotprotocol==${version}`], DOWNLOAD_TIMEOUT)
    const wheel = readdirSync(scratch).find((name) => name.endsWith('.whl'))
    if (wheel === undefined) throw new Error(`pip left no wheel of pilotprotocol ${version}`)
    run('python3', ['-m', 'zipfile', '-e', join(scratch, wheel), scratch], DOWNLOAD_TIMEOUT)
    const ready = join(scratch, 'ready')
    mkdirSync(ready)
    // Only these two: without the updater beside them they cannot replace themselves.
    for (const name of ['pilotctl', 'pilot-daemon']) {
      copyFileSync(join(scratch, 'pilotprotocol', 'bin', name), join(ready, name))
      chmodSync(join(ready, name), 0o755)
    }
    check({ version, pilotctl: join(ready, 'pilotctl'), daemon: join(ready, 'pilot-daemon') })
    try {
      renameSync(ready, join(CACHE, version))
    } catch (error) {
      // Another process was faster; its copy is as good.
      if (!existsSync(join(CACHE, version, 'pilotctl'))) throw error
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const known = new Map<string, Programs>()

/**
 * The programs of `version`, downloaded if they are not in the cache. Blocks until they are there
 * (seconds, once). Throws an Error that says what is missing.
 */
export const programs = (version: string): Programs => {
  const before = known.get(version)
  if (before) return before
  if (!/^\d+(\.\d+){1,3}$/.test(version)) throw new Error(`"${version}" is not a version`)
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(
      `the programs run on Linux x64 only, not on ${process.platform} ${process.arch}`,
    )
  const pilotctl = join(CACHE, version, 'pilotctl')
  const found = { version, pilotctl, daemon: join(dirname(pilotctl), 'pilot-daemon') }
  if (existsSync(pilotctl)) check(found)
  else download(version)
  known.set(version, found)
  return found
}

/** Why the programs of these versions are not available; undefined if all are. */
export const available = (versions: readonly string[] = VERSIONS): string | undefined => {
  for (const version of versions) {
    try {
      programs(version)
    } catch (error) {
      return `no Pilot ${version}: ${(error as Error).message}`
    }
  }
  return undefined
}
