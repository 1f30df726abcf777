/** automerge-repo's acceptance tests of a network, over two transports (see `automerge.test.ts`). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runNetworkAdapterTests } from '@automerge/automerge-repo/helpers/tests/network-adapter-tests.js'
import { afterEach, describe, expect } from 'vitest'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import type { Transport } from '../../src/transports/transport.ts'
import { TransportAdapter } from './transport-adapter.ts'

/** A network of its own for each call; `clean` removes what it left. */
interface World {
  transport(address: string): Transport
  clean(): void
}

const worlds: Record<string, () => World> = {
  MemoryTransport: () => {
    const hub = new MemoryHub()
    return { transport: (address) => new MemoryTransport(hub, address), clean: () => {} }
  },
  MailboxTransport: () => {
    const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-conformance-'))
    return {
      transport: (address) => new MailboxTransport({ dir, address }),
      clean: () => rmSync(dir, { recursive: true }),
    }
  },
}

for (const [name, build] of Object.entries(worlds)) {
  describe(name, () => {
    const used: { world: World; adapters: readonly TransportAdapter[] }[] = []

    afterEach(async () => {
      for (const { world, adapters } of used.splice(0)) {
        for (const adapter of adapters) adapter.disconnect()
        for (const adapter of adapters) await adapter.settled()
        world.clean()
        expect(adapters.flatMap(({ problems }) => problems)).toEqual([])
      }
    })

    runNetworkAdapterTests(async () => {
      const world = build()
      const make = (address: string) => new TransportAdapter(() => world.transport(address))
      const adapters: [TransportAdapter, TransportAdapter, TransportAdapter] = [
        make('one'),
        make('two'),
        make('three'),
      ]
      used.push({ world, adapters })
      return { adapters }
    }, name)
  })
}
