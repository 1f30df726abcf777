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
import { lstat, mkdir, realpath, stat } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
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
 * The folder for sockets whose own would be too long a path. It lies where everyone may
 * write: somebody else's is not used, since its owner could answer in the agent's place.
 */
const shortFolder = async (): Promise<string> => {
  const dir = join(tmpdir(), `pilot-gossip-${userId()}`)
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const found = await lstat(dir)
  if (found.isDirectory() && found.uid === userId() && (found.mode & 0o077) === 0) return dir
  throw new Failure('permission_denied', `"${dir}" is not this user's alone`, {
    hint: 'remove it, or give a data folder with a shorter path',
  })
}

/**
 * The path of the agent's socket; the folder must exist (`not_found`). All paths to one folder
 * give the same, unless TMPDIR differs and the folder's path is longer than some 90 bytes.
 */
export const socketPath = async (dir: string): Promise<string> => {
  try {
    const real = await realpath(dir)
    const path = join(real, SOCKET)
    if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return path
    // Loaded where it is needed: it takes as long as all the rest of a command.
    const { createHash } = await import('node:crypto')
    const name = createHash('sha256').update(real).digest('hex').slice(0, 16)
    return join(await shortFolder(), `${name}.sock`)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw folderFailure('the data folder', dir, error)
  }
}
