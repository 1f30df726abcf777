/**
 * The tool server: the tools of `tools.ts`, and the maps as resources, for one client of the Model
 * Context Protocol.
 *
 * ```ts
 * serveStdio(() => toolServer(backend))
 * ```
 */
import { fromJsonSchema, McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { stringify } from '../control/protocol.ts'
import { type Failure, invalid, toFailure } from '../errors.ts'
import { packageVersion } from '../package-version.ts'
import type { Backend } from './backend.ts'
import { type Behind, listEntries, shortValue } from './calls.ts'
import { Changes } from './changes.ts'
import { TOOLS, type Tool } from './tools.ts'

/** For the model, once. */
const INSTRUCTIONS = `A map of JSON values that this agent shares with other agents, on this host and on others. What one writes, all
others see within a second; it works on while the network is cut, and comes together later. Before you start on shared work, list
what is there. Write one key for each thing ("task:7"), not one large value. Use increment for counters and append for logs. Use
wait to wait for another agent, and watch_since to catch up.`

const SCHEME = 'pilot-gossip'
const TEMPLATE = `${SCHEME}:///{map}/{key}`

const uriOf = (map: string, key?: string): string =>
  `${SCHEME}:///${[map, ...(key === undefined ? [] : [key])].map(encodeURIComponent).join('/')}`

const textOf = ({ code, message, hint }: Failure): string =>
  `${code}: ${message}${hint === undefined ? '' : `. What to do: ${hint}`}`

const register = (server: McpServer, behind: Behind, tool: Tool): void => {
  const { name, title, description, schema, annotations } = tool
  const inputSchema = fromJsonSchema<Readonly<Record<string, unknown>>>(schema as never)
  server.registerTool(name, { title, description, annotations, inputSchema }, async (args) => {
    try {
      const data = await tool.call(behind, args)
      return { content: [{ type: 'text', text: stringify(data) }], structuredContent: { ...data } }
    } catch (error) {
      return { content: [{ type: 'text', text: textOf(toFailure(error)) }], isError: true }
    }
  })
}

/** The maps with their sizes, as the agent tells them. */
const mapsOf = async (backend: Backend): Promise<readonly { name: string; keys: number }[]> => {
  const { maps } = await backend.ask({ command: 'status' })
  return maps as { name: string; keys: number }[]
}

const readMap = async (uri: URL, { backend, changes }: Behind): Promise<string> => {
  const [map, key, ...more] = uri.pathname.slice(1).split('/').map(decodeURIComponent)
  if (!map || more.length > 0) throw invalid(`"${uri.href}" is no resource`, `give ${TEMPLATE}`)
  await changes.follow(map)
  if (key !== undefined)
    return stringify(shortValue((await backend.ask({ command: 'get', map, key })).value))
  return stringify(await listEntries({ backend, changes }, { map }))
}

const registerResources = (server: McpServer, behind: Behind): void => {
  const read = async (uri: URL) => {
    const text = await readMap(uri, behind)
    return { contents: [{ uri: uri.href, mimeType: 'application/json', text }] }
  }
  const list = async () => ({
    resources: (await mapsOf(behind.backend)).map(({ name, keys }) => ({
      uri: uriOf(name),
      name,
      mimeType: 'application/json',
      description: `The map "${name}", keys: ${keys}`,
    })),
  })
  const about = { mimeType: 'application/json' }
  server.registerResource(
    'map',
    new ResourceTemplate(`${SCHEME}:///{map}`, { list }),
    { ...about, title: 'A map', description: 'All entries of a shared map, or the first of many' },
    read,
  )
  server.registerResource(
    'entry',
    new ResourceTemplate(TEMPLATE, { list: undefined }),
    { ...about, title: 'An entry', description: 'The value of one key' },
    read,
  )
}

/** A server for one client. Changes are told to it for resources that it has read or subscribed to. */
export const toolServer = (backend: Backend): McpServer => {
  const server = new McpServer(
    { name: 'pilot-gossip', version: packageVersion(), title: 'Shared memory of agents' },
    { instructions: INSTRUCTIONS, capabilities: { resources: { subscribe: true } } },
  )
  /** Of clients that subscribe by request. Later clients listen, and the library picks what is for them. */
  const subscribed = new Set<string>()
  let isListening = false
  const tell = (uri: string): void => {
    if (isListening && !subscribed.has(uri)) return
    // A client that is gone is told nothing.
    server.server.sendResourceUpdated({ uri }).catch(() => undefined)
  }
  const changes = new Changes(backend, (map, { key }) => {
    tell(uriOf(map))
    tell(uriOf(map, String(key)))
  })
  const behind = { backend, changes }
  for (const tool of TOOLS) register(server, behind, tool)
  registerResources(server, behind)
  server.server.setRequestHandler('resources/subscribe', async ({ params: { uri } }) => {
    isListening = true
    await readMap(new URL(uri), behind).catch((error) => {
      if (toFailure(error).code !== 'not_found') throw error
    })
    subscribed.add(uri)
    return {}
  })
  server.server.setRequestHandler('resources/unsubscribe', async ({ params: { uri } }) => {
    subscribed.delete(uri)
    return {}
  })
  return server
}
