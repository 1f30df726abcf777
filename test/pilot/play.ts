/**
 * A swarm of real daemons to try out: starts it, prints commands for other terminals, and runs
 * until Ctrl-C.
 *
 * npm run swarm -- 5
 * npm run swarm -- --versions 1.7.2,1.18.0
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SWARM_NETWORK } from './directory.ts'
import { available, VERSIONS } from './programs.ts'
import { ask, type Node, startSwarm } from './swarm.ts'

const USAGE = 'usage: npm run swarm -- [COUNT] [--versions 1.7.2,1.18.0]'
/** Daemons without an argument: enough that gossip takes more than one hop. */
const DEFAULT_COUNT = 3
/** Each takes 14 MB of memory. */
const MAX_COUNT = 50

const root = fileURLToPath(new URL('../../', import.meta.url))

const quoted = (value: string): string =>
  /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`

/** The version of each daemon: as many as requested, the named versions in turn. */
const wanted = (): string[] => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { versions: { type: 'string' } },
  })
  const named = values.versions?.split(',') ?? [VERSIONS.at(-1) as string]
  const count = Number(positionals[0] ?? (values.versions ? named.length : DEFAULT_COUNT))
  if (!Number.isInteger(count) || count < 1 || count > MAX_COUNT || positionals.length > 1)
    throw new Error(`"${positionals.join(' ')}" is not a count of 1 to ${MAX_COUNT}\n${USAGE}`)
  return Array.from({ length: count }, (_, index) => named[index % named.length] as string)
}

/** To paste before a command: which daemon, which inbox, which registry. */
const setting = ({ env }: Node): string =>
  ['HOME', 'PILOT_SOCKET', 'PILOT_REGISTRY', 'PILOT_APPSTORE_CATALOG_URL']
    .map((name) => `${name}=${quoted(env[name] ?? '')}`)
    .join(' ')

const describe = (node: Node, nodes: readonly Node[]): string => {
  const data = quoted(join(node.home, 'gossip'))
  const gossip = `node --import tsx src/bin.ts`
  const peers = nodes.filter((other) => other !== node).map(({ address }) => `--peer ${address}`)
  const run = ['run --swarm demo', ...peers.slice(0, 3), `--transport pilot --data ${data}`]
  return [
    `# ${node.name}: ${node.address} (Pilot ${node.version})`,
    `export ${setting(node)} PATH=${quoted(join(node.pilotctl, '..'))}:"$PATH"`,
    'pilotctl --json info',
    `${gossip} ${run.join(' ')} --pilotctl ${quoted(node.pilotctl)} --interval 5s --fanout 3`,
    `${gossip} set greeting hello --data ${data}`,
    `${gossip} get greeting --data ${data}`,
    `${gossip} list --data ${data}`,
    `${gossip} status --data ${data}`,
  ].join('\n')
}

const play = async (): Promise<void> => {
  const versions = wanted()
  const reason = available(versions)
  if (reason !== undefined) throw new Error(reason)
  const swarm = await startSwarm({ versions })
  for (const node of swarm.nodes) {
    mkdirSync(join(node.home, 'gossip'))
    await ask(node, 'network', 'join', String(SWARM_NETWORK))
  }
  const shown = swarm.nodes.map((node) => describe(node, swarm.nodes)).join('\n\n')
  console.log(`${shown}\n`)
  console.log(`Each block is for a terminal of its own, in ${root}; "run" needs one to itself.`)
  console.log(
    `${swarm.nodes.length} daemons, registry ${swarm.registry.address}. Ctrl-C ends them.`,
  )
  const keepAlive = setInterval(() => undefined, 60_000)
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  clearInterval(keepAlive)
  await swarm.close()
}

try {
  await play()
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}
