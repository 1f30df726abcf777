/**
 * The paths of an agent: its data folder, and the socket in it through which commands reach it.
 *
 * ```ts
 * const dir = defaultFolder('kv', process.env) // ~/.local/state/pilot-gossip/kv
 * await makeDataFolder(dir)
 * await socketPath(dir)                        // …/kv/agent.sock
 * ```
 */
import { lstat, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { Failure, toFailure } from '../errors.ts'
import { checkEntries, OWN_DIR_MODE } from '../fs/own-folder.ts'
import { checkSwarm } from '../swarm.ts'

/** Bytes. The path of a Unix socket holds 104 on macOS and 108 on Linux, its terminator included. */
const MAX_SOCKET_PATH_BYTES = 100

const SOCKET = 'agent.sock'

/** The folder that holds the data folders of all swarms of this user. */
export const stateRoot = (env: NodeJS.ProcessEnv): string => {
  const { XDG_STATE_HOME: state = '', HOME: home = '' } = env
  // The XDG specification says to ignore a relative path.
  const base = isAbsolute(state) ? state : join(home === '' ? homedir() : home, '.local', 'state')
  return join(base, 'pilot-gossip')
}

/** The data folder of a swarm's agent. Throws a Failure (invalid_argument) for a name that no swarm can have. */
export const defaultFolder = (swarm: string, env: NodeJS.ProcessEnv): string =>
  join(stateRoot(env), checkSwarm(swarm))

/** The failure to use a folder; it names the folder. */
export const folderFailure = (what: string, dir: string, error: unknown): Failure => {
  const { code, message } = toFailure(error)
  const system = (error as NodeJS.ErrnoException | null)?.code
  const isFile = system === 'ENOTDIR' || system === 'EEXIST'
  return new Failure(isFile ? 'not_found' : code, `${what} "${dir}" cannot be used: ${message}`, {
    hint: isFile
      ? 'a file is where a folder should be: give another path'
      : 'give a folder that this user may write to',
    cause: error,
  })
}

/** Makes the folder unless it exists. Returns false if its parent is missing. */
const makeOne = async (dir: string, mode: number): Promise<boolean> => {
  try {
    await mkdir(dir, { mode })
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && dirname(dir) !== dir) return false
    if (code === 'EEXIST' && (await stat(dir)).isDirectory()) return true
    throw error
  }
}

const make = async (dir: string, mode: number): Promise<void> => {
  if (await makeOne(dir, mode)) return
  await make(dirname(dir), mode)
  if (await makeOne(dir, mode)) return
  throw new Failure('not_found', `"${dirname(dir)}" takes no folders`)
}

/**
 * Makes a folder and its parents; one that exists keeps its mode. `what` names it in the Failure.
 * Not by `recursive` of mkdir, which never returns below /proc (Node 20).
 */
export const makeFolder = async (what: string, dir: string, mode = 0o777): Promise<void> => {
  try {
    await make(dir, mode)
  } catch (error) {
    throw folderFailure(what, dir, error)
  }
}

/**
 * Makes the data folder of an agent, for its user alone. Rejects with `permission_denied` if the
 * folder, or something in it, is another user's.
 */
export const makeDataFolder = async (dir: string): Promise<void> => {
  await makeFolder('the data folder', dir, OWN_DIR_MODE)
  await checkEntries('the data folder', dir)
}

const userId = (): number => userInfo().uid

/**
 * Folders for the socket of an agent whose data folder has too long a path. The first that fits is
 * used, since TMPDIR may itself be long.
 */
const shortRoots = (env: NodeJS.ProcessEnv): string[] => {
  const runtime = env.XDG_RUNTIME_DIR ?? ''
  return [...new Set([resolve(tmpdir()), ...(isAbsolute(runtime) ? [runtime] : []), '/tmp'])]
}

/** The folder in `root` for the sockets of this user. */
const shortFolder = (root: string): string => join(root, `pilot-gossip-${userId()}`)

/**
 * Rejects unless the folder belongs to this user alone. It lies where everyone may write, and the
 * owner of another folder could answer in the agent's place.
 */
const checkPrivate = async (dir: string): Promise<void> => {
  const found = await lstat(dir)
  if (found.isDirectory() && found.uid === userId() && (found.mode & 0o077) === 0) return
  throw new Failure('permission_denied', `"${dir}" does not belong to this user alone`, {
    hint: 'remove it, or give a data folder with a shorter path',
  })
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES

/** The paths that the socket of a folder may have outside of it, best first. */
const shortPaths = async (real: string): Promise<string[]> => {
  // Loaded only here, since it takes as long as all the rest of a command.
  const { createHash } = await import('node:crypto')
  const name = createHash('sha256').update(real).digest('hex').slice(0, 16)
  return shortRoots(process.env)
    .map((root) => join(shortFolder(root), `${name}.sock`))
    .filter(fits)
}

/** The folder without links in its path. Rejects with a Failure that names it. */
const realFolder = async (dir: string): Promise<string> => {
  try {
    return await realpath(dir)
  } catch (error) {
    throw folderFailure('the data folder', dir, error)
  }
}

/**
 * The path at which the agent is to listen. The folder must exist (`not_found`). All paths to one
 * folder give the same. If the folder's path is longer than some 90 bytes, the socket lies in the
 * folder for temporary files, or in another one whose path is short enough.
 */
export const socketPath = async (dir: string): Promise<string> => {
  const real = await realFolder(dir)
  const path = join(real, SOCKET)
  if (fits(path)) return path
  const why: Failure[] = []
  for (const short of await shortPaths(real)) {
    try {
      await mkdir(dirname(short), { recursive: true, mode: 0o700 })
      await checkPrivate(dirname(short))
      return short
    } catch (error) {
      why.push(toFailure(error))
    }
  }
  const reasons = why.map(({ message }) => message).join('; ')
  throw new Failure(
    why[0]?.code ?? 'invalid_argument',
    `the path of the socket of the agent on "${dir}" is too long: ${Buffer.byteLength(path)} bytes, at most ${MAX_SOCKET_PATH_BYTES}${reasons === '' ? '' : `; no other place can be used: ${reasons}`}`,
    { hint: 'give a data folder with a shorter path, or set TMPDIR to a folder of this user' },
  )
}

/** A file in the data folder with the path of a socket elsewhere: a command may have another TMPDIR than its agent. */
const NOTE = `${SOCKET}.path`

/** Records the path at which the agent listens. */
export const noteSocket = async (dir: string, path: string): Promise<void> => {
  const note = join(dir, NOTE)
  if (path === join(await realFolder(dir), SOCKET)) {
    await rm(note, { force: true }) // left by an earlier agent
    return
  }
  await writeFile(`${note}.tmp`, `${path}\n`, { mode: 0o600 })
  await rename(`${note}.tmp`, note)
}

/** Removes the note if it holds that path. */
export const forgetSocket = async (dir: string, path: string): Promise<void> => {
  if ((await readNote(dir)) === path) await rm(join(dir, NOTE), { force: true })
}

/** Undefined if there is no note, or no usable path in it. */
const readNote = async (dir: string): Promise<string | undefined> => {
  let text: string
  try {
    text = (await readFile(join(dir, NOTE), 'utf8')).trimEnd()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw folderFailure('the data folder', dir, error)
  }
  return isAbsolute(text) && fits(text) ? text : undefined
}

/**
 * The paths at which an agent may listen, best first: in the folder, at the noted path, and those
 * of agents that leave no note. Rejects with `not_found` if there is no such folder, and with
 * `permission_denied` if a socket lies in a folder that does not belong to this user alone.
 */
export const socketPaths = async (dir: string): Promise<string[]> => {
  const real = await realFolder(dir)
  const note = await readNote(real)
  const own = join(real, SOCKET)
  const elsewhere = [...(note ? [note] : []), ...(fits(own) ? [] : await shortPaths(real))]
  const paths = fits(own) ? [own] : []
  for (const path of new Set(elsewhere)) {
    try {
      await lstat(path)
      await checkPrivate(dirname(path))
      paths.push(path)
    } catch (error) {
      if (error instanceof Failure) throw error
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ENOTDIR' && code !== 'EACCES') throw toFailure(error)
    }
  }
  return paths
}
