/**
 * A start with a document of many keys: `openMap` of the built package, or Yjs alone. It prints
 * milliseconds, peak memory and what it found as one line of JSON.
 *
 *     node bench/costs/start-process.mjs agent DIR
 *     node bench/costs/start-process.mjs yjs STATE-FILE
 */
import { readFileSync } from 'node:fs'
import * as Y from 'yjs'

const KEY = 'task:0000007'

const agent = async (dir) => {
  const { MemoryHub, MemoryTransport, openMap } = await import('pilot-gossip')
  const transport = new MemoryTransport(new MemoryHub(), 'a')
  const began = performance.now()
  const map = await openMap({ swarm: 'bench', transport, data: dir })
  const ms = performance.now() - began
  const rss = process.resourceUsage().maxRSS
  const found = { value: map.get(KEY), keys: map.size }
  return { ms, rss, found, close: () => map.close() }
}

/** The whole state in an empty document. It has no entries of ours to look for. */
const yjs = async (file) => {
  const began = performance.now()
  const doc = new Y.Doc()
  Y.applyUpdate(doc, readFileSync(file))
  const ms = performance.now() - began
  const rss = process.resourceUsage().maxRSS
  const structs = [...Y.decodeStateVector(Y.encodeStateVector(doc)).values()]
  return { ms, rss, found: { structs: structs.reduce((a, b) => a + b, 0) } }
}

const [kind, path] = process.argv.slice(2)
const { ms, rss, found, close } = await (kind === 'yjs' ? yjs : agent)(path)
process.stdout.write(JSON.stringify({ ms, rssMb: (rss * 1024) / 1e6, found }))
await close?.()
