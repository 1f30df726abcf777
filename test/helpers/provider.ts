/**
 * Providers over memory: a stage on which documents join and leave a room. Everything that was opened
 * is closed when the test ends, also if it fails.
 *
 * ```ts
 * await onStage(async (stage) => {
 *   const [a, b] = [stage.add('a'), stage.add('b')]
 *   a.doc.getText('t').insert(0, 'x')
 *   await until('b has it', () => b.doc.getText('t').length === 1)
 * })
 * ```
 */
import * as Y from 'yjs'
import type { GossipConfig } from '../../src/gossip/index.ts'
import { PilotGossipProvider, type ProviderOptions } from '../../src/provider/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import type { Transport } from '../../src/transports/transport.ts'

/** Short intervals, so that a test that loses messages is short. */
export const QUICK: Partial<GossipConfig> = { intervalMs: 200, backoffMs: 50, pullTimeoutMs: 300 }

/** Lets everything run that can run now, to show that something does not happen. */
export const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

export interface AddOptions extends ProviderOptions {
  readonly room?: string
  readonly doc?: Y.Doc
  readonly via?: Transport
}

export class Stage {
  readonly hub: MemoryHub
  readonly #providers: PilotGossipProvider[] = []

  constructor(hub: MemoryHub) {
    this.hub = hub
  }

  transport(name: string): MemoryTransport {
    return new MemoryTransport(this.hub, name)
  }

  /** A provider of that address. */
  add(name: string, options: AddOptions = {}): PilotGossipProvider {
    const { room = 'room', doc = new Y.Doc(), via = this.transport(name), ...rest } = options
    return this.keep(new PilotGossipProvider(via, room, doc, { config: QUICK, ...rest }))
  }

  /** Destroys it at the end. */
  keep(provider: PilotGossipProvider): PilotGossipProvider {
    this.#providers.push(provider)
    return provider
  }

  async clear(): Promise<void> {
    // All leave, so none must wait for another.
    this.hub.network.loss = 0
    await Promise.all(this.#providers.map((provider) => provider.destroy()))
  }
}

export const onStage = async (
  run: (stage: Stage) => Promise<void>,
  hub = new MemoryHub(),
): Promise<void> => {
  const stage = new Stage(hub)
  try {
    await run(stage)
  } finally {
    await stage.clear()
  }
}

export const textOf = ({ doc }: { readonly doc: Y.Doc }): string => doc.getText('text').toString()

export const write = ({ doc }: { readonly doc: Y.Doc }, text: string): void =>
  doc.getText('text').insert(doc.getText('text').length, text)

/** The events of the provider in order, one line each. */
export const eventsOf = (provider: PilotGossipProvider): string[] => {
  const events: string[] = []
  provider.on('status', ({ status }) => events.push(status))
  provider.on('synced', (is) => events.push(`synced ${is}`))
  provider.on('sync', (is) => events.push(`sync ${is}`))
  provider.on('sync-status', ({ status }) => events.push(status))
  provider.on('connection-close', () => events.push('close'))
  provider.on('connection-error', ({ code }) => events.push(`error ${code}`))
  provider.on('waiting', ({ updates }) => events.push(`waiting ${updates}`))
  provider.on('problem', ({ type }) => events.push(`problem ${type}`))
  provider.on('destroy', () => events.push('destroy'))
  return events
}
