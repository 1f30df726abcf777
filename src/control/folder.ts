/**
 * Where things of an agent lie: its data folder, and in it the socket by which commands
 * talk to it.
 *
 * ```ts
 * const dir = defaultFolder('kv', process.env) // ~/.local/state/pilot-gossip/kv
 * await makeFolder('the data folder', dir, 0o700)
 * await socketPath(dir)                        // …/kv/agent.sock
 * ```
 */
import { lstat, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { Failure, toFailure } from '../errors.ts'
import { checkSwarm } from '../swarm.ts'

/** Bytes. A Unix socket's address holds 104 on macOS, 108 on Linux, its end included. */
const MAX_SOCKET_PATH_BYTES = 100

const SOCKET = 'agent.sock'

/** The folder that holds the data folders of all swarms of this user. */
export const stateRoot = (env: NodeJS.ProcessEnv): string => {
  const { XDG_STATE_HOME: state = '', HOME: home = '' } = env
  // The XDG specification says that a relative path is to be passed over.
  const base = isAbsolute(state) ? state : join(home === '' ? homedir() : home, '.local', 'state')
  return join(base, 'pilot-gossip')
}

/** The data folder of a swarm's agent. Throws a Failure (invalid_argument) for what can name no swarm. */
export const defaultFolder = (swarm: string, env: NodeJS.ProcessEnv): string =>
  join(stateRoot(env), checkSwarm(swarm))

/** The failure to use a folder, told so that it names the folder. */
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

/** Returns whether the folder is there now; false where the one above it is missing. */
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
 * Makes a folder and those above it; one that is there keeps its mode. `what` names it in
 * the Failure. Not by mkdir's own `recursive`: below /proc that tries for ever (Node 20).
 */
export const makeFolder = async (what: string, dir: string, mode = 0o777): Promise<void> => {
  try {
    await make(dir, mode)
  } catch (error) {
    throw folderFailure(what, dir, error)
  }
}

const userId = (): number => userInfo().uid

/**
 * Folders in which a socket may lie whose own would be too long a path: the first that fits is
 * used. A TMPDIR may itself be long.
 */
const shortRoots = (env: NodeJS.ProcessEnv): string[] => {
  const runtime = env.XDG_RUNTIME_DIR ?? ''
  return [...new Set([resolve(tmpdir()), ...(isAbsolute(runtime) ? [runtime] : []), '/tmp'])]
}

/** Where the sockets of this user lie in `root`. */
const shortFolder = (root: string): string => join(root, `pilot-gossip-${userId()}`)

/**
 * Rejects unless the folder is this user's alone: it lies where everyone may write, and another
 * one's is not used, since its owner could answer in the agent's place.
 */
const checkPrivate = async (dir: string): Promise<void> => {
  const found = await lstat(dir)
  if (found.isDirectory() && found.uid === userId() && (found.mode & 0o077) === 0) return
  throw new Failure('permission_denied', `"${dir}" is not this user's alone`, {
    hint: 'remove it, or give a data folder with a shorter path',
  })
}

const fits = (path: string): boolean => Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES

/** The paths at which the socket of that folder may lie outside of it, best first. */
const shortPaths = async (real: string): Promise<string[]> => {
  // Loaded where it is needed: it takes as long as all the rest of a command.
  const { createHash } = await import('node:crypto')
  const name = createHash('sha256').update(real).digest('hex').slice(0, 16)
  return shortRoots(process.env)
    .map((root) => join(shortFolder(root), `${name}.sock`))
    .filter(fits)
}

/** The folder by its own path. Rejects with a Failure that names it. */
const realFolder = async (dir: string): Promise<string> => {
  try {
    return await realpath(dir)
  } catch (error) {
    throw folderFailure('the data folder', dir, error)
  }
}

/**
 * Where the agent is to listen; the folder must exist (`not_found`). All paths to one folder give
 * the same. Where the folder's path is longer than some 90 bytes it lies in the folder for
 * temporary files, or another where its path is short enough.
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
    `there is no place for the socket of the agent on "${dir}": the path of that folder is too long for one (${Buffer.byteLength(path)} bytes, at most ${MAX_SOCKET_PATH_BYTES})${reasons === '' ? '' : `, and elsewhere it cannot lie: ${reasons}`}`,
    { hint: 'give a data folder with a shorter path, or set TMPDIR to a folder of this user' },
  )
}

/** In the data folder where the socket is not: its path. TMPDIR may be another for each command. */
const NOTE = `${SOCKET}.path`

/** Notes where the agent listens. */
export const noteSocket = async (dir: string, path: string): Promise<void> => {
  const note = join(dir, NOTE)
  if (path === join(await realFolder(dir), SOCKET)) {
    await rm(note, { force: true }) // of a former agent
    return
  }
  await writeFile(`${note}.tmp`, `${path}\n`, { mode: 0o600 })
  await rename(`${note}.tmp`, note)
}

/** Removes the note where it is of that path. */
export const forgetSocket = async (dir: string, path: string): Promise<void> => {
  if ((await readNote(dir)) === path) await rm(join(dir, NOTE), { force: true })
}

/** Undefined where there is none, or no path in it. */
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
 * Where an agent may listen, best first: in the folder, where it has noted, and where agents do
 * that leave no note. Rejects with `not_found` where there is no such folder, with
 * `permission_denied` where a socket lies in a folder that is not this user's alone.
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
