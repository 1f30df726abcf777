/**
 * The servers of collaborative documents that are compared, each as a process of its own on loopback.
 *
 * ```ts
 * const server = await SERVERS['y-websocket'].start({ dir, isBuilt: true, signal })
 * new WebSocket(server.url)
 * await server.child.end()
 * ```
 */
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from '../../src/errors.ts'
import { packageDir } from '../runner/machine.ts'
import { Child } from './child.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const ROOM = 'notes'

export interface Place {
  /** An empty folder for its files. */
  readonly dir: string
  /** Our own programs from `dist` instead of from the sources? */
  readonly isBuilt: boolean
  readonly signal: AbortSignal
}

export interface Server {
  readonly child: Child
  /** Where clients connect. */
  readonly url: string
  /** Is each message preceded by the name of the document, as Hocuspocus has it? */
  readonly document?: string
}

interface ServerKind {
  /** For the table of participants. */
  readonly about: string
  readonly start: (place: Place) => Promise<Server>
}

/** Arguments of node, the folder and the suffix of our own program. */
export const ourProgram = (
  isBuilt: boolean,
): { readonly node: readonly string[]; readonly root: string; readonly suffix: string } => {
  const root = join(ROOT, isBuilt ? 'dist/src' : 'src')
  const suffix = isBuilt ? '.js' : '.ts'
  if (!existsSync(join(root, `bin${suffix}`)))
    throw new Failure('not_found', `"${root}" has no program`, { hint: 'run: npm run build' })
  return { node: [process.execPath, ...(isBuilt ? [] : ['--import', 'tsx'])], root, suffix }
}

/** A child that stands in this folder. */
export const childFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** A port that was free a moment ago, for servers that cannot choose one. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      server.close(() => resolve(port))
    })
  })

const startAgent = async ({ dir, isBuilt, signal }: Place): Promise<Server> => {
  const { node, root, suffix } = ourProgram(isBuilt)
  const folders = ['--mailbox', join(dir, 'mailbox'), '--data', join(dir, 'data')]
  const args = ['run', '--swarm', 'side', ...folders, '--ws', '0', '--json']
  const command = [...node, join(root, `bin${suffix}`), ...args]
  const { child, match } = await Child.start('the agent', command, /"ws":"([^"]+)"/, {
    cwd: ROOT,
    signal,
  })
  return { child, url: `${match}/${ROOM}` }
}

const startBridge = async ({ isBuilt, signal }: Place): Promise<Server> => {
  const { node, root, suffix } = ourProgram(isBuilt)
  const command = [...node, childFile('bridge-server.mjs'), root, suffix]
  const { child, match } = await Child.start('the bridge', command, /^(\d+)\n/, {
    cwd: ROOT,
    signal,
  })
  return { child, url: `ws://127.0.0.1:${match}/${ROOM}` }
}

const startStock =
  (isKept: boolean) =>
  async ({ dir, signal }: Place): Promise<Server> => {
    const port = await freePort()
    const program = join(packageDir('@y/websocket-server'), 'src/server.js')
    const env = { HOST: '127.0.0.1', PORT: `${port}`, ...(isKept && { YPERSISTENCE: dir }) }
    const { child } = await Child.start(
      'y-websocket-server',
      [process.execPath, program],
      /running at/,
      { env, signal },
    )
    return { child, url: `ws://127.0.0.1:${port}/${ROOM}` }
  }

const startHocuspocus = async ({ signal }: Place): Promise<Server> => {
  const command = [process.execPath, childFile('hocuspocus-server.mjs')]
  const { child, match } = await Child.start('hocuspocus', command, /^(\d+)\n/, {
    cwd: ROOT,
    signal,
  })
  return { child, url: `ws://127.0.0.1:${match}`, document: ROOM }
}

export const SERVERS = {
  'y-websocket': {
    about: '@y/websocket-server: the stock server, in memory; it checks and keeps nothing',
    start: startStock(false),
  },
  'y-websocket, kept': {
    about: 'the same with its LevelDB store (YPERSISTENCE)',
    start: startStock(true),
  },
  hocuspocus: {
    about: '@hocuspocus/server in memory, without hooks',
    start: startHocuspocus,
  },
  bridge: {
    about: 'our bridge over an agent in memory, without peers; each update is checked',
    start: startBridge,
  },
  'bridge, kept': {
    about: '`pilot-gossip run --ws`: the same, each update on disk and published to a mailbox',
    start: startAgent,
  },
} as const satisfies Readonly<Record<string, ServerKind>>

export type ServerName = keyof typeof SERVERS

export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[]
