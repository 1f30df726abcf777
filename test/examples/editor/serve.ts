/**
 * Serves a page with a text editor for one room of an agent, only to this host. Open it twice:
 *
 *     pilot-gossip run --swarm kv --ws 1234
 *     node --import tsx test/examples/editor/serve.ts ws://127.0.0.1:1234/notes 8080
 *
 * If the bridge requires a token, append it to the room: `ws://127.0.0.1:1234/notes?token=...`.
 * Pages of this host may connect to a bridge; others need its option `--ws-origin`.
 */
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const [bridge = 'ws://127.0.0.1:1234/notes', port = '0'] = process.argv.slice(2)
const { origin, pathname, search } = new URL(bridge)

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

const { outputFiles } = await build({
  entryPoints: [file('editor.ts')],
  bundle: true,
  minify: true,
  write: false,
  define: { BRIDGE: JSON.stringify(origin), ROOM: JSON.stringify(pathname.slice(1)) },
})

const pages = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: await readFile(file('index.html'), 'utf8') }],
  ['/editor.js', { type: 'text/javascript; charset=utf-8', body: outputFiles[0]?.text ?? '' }],
])

/** The page loads nothing from elsewhere, and talks to the bridge alone. */
const POLICY = `default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src ${origin}`

const server = createServer(({ url = '' }, response) => {
  const page = pages.get(new URL(url, 'http://page').pathname)
  if (!page) {
    response.writeHead(404).end()
    return
  }
  response
    .writeHead(200, { 'Content-Type': page.type, 'Content-Security-Policy': POLICY })
    .end(page.body)
})

server.listen(Number(port), '127.0.0.1', () => {
  // The token is in the page's address, and in nothing that is served.
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/${search}`)
})
process.once('SIGINT', () => {
  server.close()
  server.closeAllConnections()
})
