/**
 * What a running agent does for the commands that come by its socket.
 *
 * ```ts
 * const server = new ControlServer({ dir, handle: serveAgent(agent) })
 * ```
 */
import type { Agent } from '../agent.ts'
import { Failure } from '../errors.ts'
import {
  DEFAULT_MAP,
  deleteEntry,
  observeEntries,
  readEntries,
  readEntry,
  writeEntry,
} from '../maps.ts'
import type { Fields, Request } from './protocol.ts'
import { type Handle, Subscription } from './server.ts'

const quote = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

const notFound = (map: string, key: string): Failure =>
  new Failure('not_found', `no key ${quote(key)} in map ${quote(map)}`, {
    hint: 'list tells which there are; a key that others wrote may be on its way',
  })

const checkSwarm = (agent: Agent, wanted: string | undefined): void => {
  if (wanted === undefined || wanted === agent.swarm) return
  throw new Failure(
    'invalid_argument',
    `the agent here is of the swarm "${agent.swarm}", not of "${wanted}"`,
    { hint: `leave --swarm out, or name the folder of the other agent with --data DIR` },
  )
}

/** To look at a map makes it, and it would be listed then: one that is not there is not looked at. */
const hasMap = (agent: Agent, map: string): boolean => agent.doc.share.has(map)

const read = (agent: Agent, map: string, key: string): unknown => {
  const value = hasMap(agent, map) ? readEntry(agent.doc, map, key) : undefined
  if (value === undefined) throw notFound(map, key)
  return value
}

const watch = (agent: Agent, map: string, key: string | undefined): Subscription =>
  new Subscription({ map, ...(key !== undefined && { key }), watching: true }, (tell) =>
    observeEntries(agent.doc, map, (change) => {
      if (key === undefined || change.key === key) tell({ ...change })
    }),
  )

const run = (agent: Agent, request: Request): Fields | Subscription => {
  checkSwarm(agent, request.swarm)
  if (request.command === 'status') return { ...agent.status() }
  const { map = DEFAULT_MAP } = request
  switch (request.command) {
    case 'set':
      writeEntry(agent.doc, map, request.key, request.value)
      return { map, key: request.key, value: request.value }
    case 'get':
      return { map, key: request.key, value: read(agent, map, request.key) }
    case 'delete': {
      const old = read(agent, map, request.key)
      deleteEntry(agent.doc, map, request.key)
      return { map, key: request.key, old }
    }
    case 'list':
      return { map, entries: hasMap(agent, map) ? readEntries(agent.doc, map) : {} }
    case 'watch':
      return watch(agent, map, request.key)
  }
}

/** Answers requests with `agent` once `ready` has resolved. */
export const serveAgent =
  (agent: Agent, ready: Promise<unknown> = Promise.resolve()): Handle =>
  async (request) => {
    await ready
    const answer = run(agent, request)
    // What is acknowledged is on disk.
    if (request.command === 'set' || request.command === 'delete') await agent.flushed()
    return answer
  }
