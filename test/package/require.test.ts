/**
 * The package in programs that `import` it and in programs that `require` it: each shares the
 * program's own Yjs, and where a program mixes both it is told.
 */
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { publint } from 'publint'
import * as assert from 'uvu/assert'
import { ROOT } from '../helpers/cli.ts'
import { installPackage, type Project } from '../helpers/package.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('package: import and require')
let project: Project

test.before(async () => {
  project = await installPackage()
})

test.after(() => project?.remove())

/** Two providers, a text, a map, and what of it came to the other. */
const BODY = `
const text = (provider) => provider.doc.getText('t').toString()
const until = async (isSo) => {
  for (let i = 0; !isSo(); i++) {
    if (i > 500) throw new Error('in vain')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const share = async (Y, { MemoryHub, MemoryTransport, MailboxTransport, PilotGossipProvider, SharedMap, isFailure }) => {
  const hub = new MemoryHub()
  const dir = require('node:fs').mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'copies-'))
  const ways = {
    memory: (name) => new MemoryTransport(hub, name),
    mailbox: (name) => new MailboxTransport({ dir, address: name }),
  }
  for (const [way, via] of Object.entries(ways)) {
    const [a, b] = ['a', 'b'].map((name) => new PilotGossipProvider(via(name), 'room', new Y.Doc(), {
      peers: name === 'a' ? ['b'] : ['a'],
      config: { intervalMs: 200 },
    }))
    a.doc.getText('t').insert(0, 'hello')
    await until(() => text(b) === 'hello' && a.syncStatus.status === 'green')
    new SharedMap(a.doc, 'm').set('k', 1)
    b.doc.getText('t').insert(5, ' you')
    await until(() => text(a) === 'hello you' && b.doc.getMap('m').get('k') === 1)
    await Promise.all([a.destroy(), b.destroy()])
    console.log(way, 'is shared')
  }
  require('node:fs').rmSync(dir, { recursive: true })
}
`

const SHARED = 'memory is shared\nmailbox is shared\n'

test('a program that imports both', async () => {
  project.write(
    'imports.mjs',
    `import { createRequire } from 'node:module'
import * as Y from 'yjs'
import * as gossip from 'pilot-gossip'
const require = createRequire(import.meta.url)
${BODY}
await share(Y, gossip)`,
  )
  assert.is(await project.run('imports.mjs'), SHARED)
})

test('a program that requires both', async () => {
  project.write('requires.cjs', `${BODY}\nshare(require('yjs'), require('pilot-gossip'))`)
  assert.is(await project.run('requires.cjs'), SHARED)
})

for (const [name, text] of [
  ['imports', `import * as Y from 'yjs'\nimport * as gossip from 'pilot-gossip'\n`],
  ['requires', `const Y = require('yjs')\nconst gossip = require('pilot-gossip')\n`],
] as const) {
  test(`a program that ${name} both and is bundled`, async () => {
    await build({
      stdin: { contents: `${text}${BODY}\nshare(Y, gossip)`, resolveDir: project.dir },
      outfile: join(project.dir, `bundled-${name}.cjs`),
      bundle: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'error',
    })
    assert.is(await project.run(`bundled-${name}.cjs`), SHARED)
  })
}

for (const [name, order] of [
  ['the document is required', `[require('yjs'), await import('pilot-gossip')]`],
  ['the document is imported', `[await import('yjs'), require('pilot-gossip')]`],
] as const) {
  test(`a program that mixes both is told: ${name}`, async () => {
    project.write(
      'mixes.cjs',
      `${BODY}
console.error = () => undefined
;(async () => {
  const [Y, gossip] = ${order}
  const error = await share(Y, gossip).catch((error) => error)
  console.log(gossip.isFailure(error, 'invalid_argument'), error.message)
})()`,
    )
    const told = await project.run('mixes.cjs')
    assert.match(told, /^true there are two copies of Yjs/)
    assert.match(told, /node_modules.yjs", loaded by (import|require)/)
  })
}

test('a program whose package manager has installed two versions is told where they are', async () => {
  const second = 'node_modules/pilot-gossip/node_modules/yjs'
  for (const file of ['package.json', 'dist/yjs.mjs', 'dist/yjs.cjs'])
    cpSync(join(ROOT, 'node_modules/yjs', file), join(project.dir, second, file))
  try {
    project.write(
      'two.mjs',
      `console.error = () => undefined
const Y = await import('yjs')
const { SharedMap } = await import('pilot-gossip')
try { new SharedMap(new Y.Doc(), 'm') } catch ({ code, message, hint }) { console.log(code, message, hint) }`,
    )
    const told = await project.run('two.mjs')
    assert.match(told, /^invalid_argument there are two copies of Yjs/)
    assert.match(told, /uses that in ".*pilot-gossip.node_modules.yjs", loaded by import/)
    assert.match(told, /; the program has ".*node_modules.yjs" load yjs .*npm ls yjs, npm dedupe/)
  } finally {
    rmSync(join(project.dir, second), { recursive: true })
  }
})

test('a second copy of lib0 and y-protocols: documents and awareness are shared all the same', async () => {
  const nested = join(project.dir, 'node_modules/pilot-gossip/node_modules')
  for (const name of ['lib0', 'y-protocols'])
    cpSync(join(ROOT, 'node_modules', name), join(nested, name), { recursive: true })
  try {
    project.write(
      'second.mjs',
      `import { createRequire } from 'node:module'
import * as Y from 'yjs'
import { Awareness } from 'y-protocols/awareness'
import * as gossip from 'pilot-gossip'
const require = createRequire(import.meta.url)
${BODY}
await share(Y, gossip)
const hub = new gossip.MemoryHub()
const [a, b] = ['a', 'b'].map((name) => {
  const doc = new Y.Doc()
  const awareness = new Awareness(doc)
  const transport = new gossip.MemoryTransport(hub, name)
  const peers = name === 'a' ? ['b'] : ['a']
  return new gossip.PilotGossipProvider(transport, 'room', doc, { peers, awareness })
})
a.awareness.setLocalState({ user: 'Ada' })
await until(() => b.awareness.getStates().get(a.doc.clientID)?.user === 'Ada')
await Promise.all([a.destroy(), b.destroy()])
console.log(a.awareness instanceof Awareness)
process.exit()`,
    )
    assert.is(await project.run('second.mjs'), `${SHARED}true\n`)
  } finally {
    rmSync(nested, { recursive: true })
  }
})

test('the entries share what they are made of', async () => {
  project.write(
    'entries.cjs',
    `const Y = require('yjs')
const { Agent, MemoryHub, MemoryTransport, LogStore, SharedMap, openMap } = require('pilot-gossip')
const { Replica, guardTransactions } = require('pilot-gossip/crdt')
const { Bridge } = require('pilot-gossip/bridge')
const { levelDataFolder } = require('pilot-gossip/level')
const { version } = require('pilot-gossip/package.json')
const transport = () => new MemoryTransport(new MemoryHub(), 'a')
;(async () => {
  const agent = new Agent({ swarm: 'kv', transport: transport() })
  await agent.start()
  // Of the same copy, and guarded once: the emit of the document is replaced by one guard.
  const { emit } = agent.doc
  guardTransactions(agent.doc)
  const bridge = new Bridge({ port: 0, rooms: { open: () => agent.room } })
  await bridge.listen()
  await bridge.close()
  console.log(agent.doc instanceof Y.Doc, agent.doc.emit === emit, typeof levelDataFolder, typeof version)
  await agent.stop()
  const map = await openMap({ swarm: 'kv', transport: transport() })
  map.set('k', [1])
  console.log(map instanceof SharedMap, JSON.stringify(map), map.doc instanceof Y.Doc)
  await map.close()
})()`,
  )
  assert.is(await project.run('entries.cjs'), 'true true function string\ntrue {"k":[1]} true\n')
})

const ENTRIES = [
  '',
  '/crdt',
  '/bridge',
  '/client',
  '/level',
  '/maps',
  '/gossip',
  '/testing',
  '/hostile',
]

test('each entry: import and require give the same names, and classes keep theirs', async () => {
  project.write(
    'names.cjs',
    `console.error = () => undefined
;(async () => {
  for (const entry of ${JSON.stringify(ENTRIES)}) {
    const [required, imported] = [require('pilot-gossip' + entry), await import('pilot-gossip' + entry)]
    const names = Object.keys(imported).sort()
    const isSame = JSON.stringify(Object.keys(required).sort()) === JSON.stringify(names)
    const renamed = names.filter((name) => required[name]?.name !== imported[name]?.name)
    console.log(entry, isSame, names.length > 0, renamed.length)
  }
})()`,
  )
  const lines = ENTRIES.map((entry) => `${entry} true true 0\n`)
  assert.is(await project.run('names.cjs'), lines.join(''))
})

test('the main entry: its values are those that a program needs', async () => {
  project.write('values.mjs', `console.log(Object.keys(await import('pilot-gossip')).join(' '))`)
  assert.is(
    await project.run('values.mjs'),
    `Agent Failure LogStore MailboxTransport MemoryHub MemoryTransport PilotGossipProvider \
PilotTransport SharedMap connectMap dataFolder isFailure newSecret openMap readSecretFile toFailure\n`,
  )
})

/** Runs after the bundle was loaded into a process without Node's globals. */
const IN_BROWSER = `
const { log } = console
delete globalThis.Buffer
delete globalThis.process
const bundle = './browser.mjs'
const { Y, maps } = await import(bundle)
const doc = new Y.Doc()
const map = new maps.SharedMap(doc, 'm')
map.set('é', ['x'])
map.increment('n', 2)
maps.restoreEntries(doc, 'm', [{ key: 'raw', value: 'AQI=', types: { '': 'bytes' } }])
const other = new Y.Doc()
Y.applyUpdate(other, Y.encodeStateAsUpdate(doc))
let message
try { map.set('k'.repeat(2_000), 1) } catch (error) { message = error.code }
log(JSON.stringify(maps.readEntries(other, 'm')), doc.getMap('m').get('raw'), message)
`

test('maps: bundled for a browser, they need nothing of Node', async () => {
  await build({
    stdin: {
      contents: `export * as Y from 'yjs'\nexport * as maps from 'pilot-gossip/maps'`,
      resolveDir: project.dir,
    },
    outfile: join(project.dir, 'browser.mjs'),
    bundle: true,
    platform: 'browser',
    format: 'esm',
    logLevel: 'error',
  })
  project.write('in-browser.mjs', IN_BROWSER)
  assert.is(
    await project.run('in-browser.mjs'),
    `{"n":2,"raw":"AQI=","é":["x"]} Uint8Array(2) [ 1, 2 ] invalid_argument\n`,
  )
})

test('testing: the suites run in a program with another runner', async () => {
  project.write(
    'contract.mjs',
    `import { MemoryHub, MemoryTransport } from 'pilot-gossip'
import { transportContract } from 'pilot-gossip/testing'
const cases = (send) => transportContract(async () => {
  const hub = new MemoryHub()
  const transport = async (name) => {
    const made = new MemoryTransport(hub, name)
    return send ? Object.assign(made, { send: (to, text) => send(made, to, text) }) : made
  }
  return { transport, dead: async () => 'nobody', close: async () => undefined }
})
const failed = async (list) => {
  const names = []
  for (const { name, run } of list) await run().catch(() => names.push(name))
  return names
}
const upper = (transport, to, text) => MemoryTransport.prototype.send.call(transport, to, text.toUpperCase())
console.log((await failed(cases())).length)
console.log((await failed(cases(upper).slice(0, 1))).join())`,
  )
  assert.is(
    await project.run('contract.mjs'),
    '0\na message: arrives whole and unchanged, with the address of its sender\n',
  )
})

test('the pure part alone loads no network and no processes', async () => {
  project.write(
    'crdt.cjs',
    `const Y = require('yjs')
const { createRequire } = require('node:module')
const { Replica } = require('pilot-gossip/crdt')
const loaded = Object.keys(require.cache).filter((path) => /node_modules.(ws|execa)/.test(path))
console.log(typeof Replica, loaded.length)`,
  )
  assert.is(await project.run('crdt.cjs'), 'function 0\n')
})

test('over Pilot: the helper that starts processes is found', async () => {
  project.write(
    'pilot.cjs',
    `const { PilotTransport } = require('pilot-gossip')
const transport = new PilotTransport({ swarm: 'kv', pilotctl: '/nowhere/pilotctl' })
transport.open(() => undefined).catch((error) => error).then((error) => {
  console.log(error.code, error.message)
  return transport.close()
})`,
  )
  assert.match(await project.run('pilot.cjs'), /^not_found .*pilotctl/)
})

test('a program without yjs: the command line says which line installs it', async () => {
  const yjs = join(project.dir, 'node_modules/yjs')
  renameSync(yjs, `${yjs}-away`)
  try {
    project.write(
      'demo.mjs',
      `import { spawnSync } from 'node:child_process'
const bin = 'node_modules/pilot-gossip/dist/src/bin.js'
const { status, stderr } = spawnSync(process.execPath, [bin, 'demo'], { encoding: 'utf8' })
console.log(status, stderr)`,
    )
    assert.match(
      await project.run('demo.mjs'),
      /^1 .*the package "yjs" is not installed[\s\S]*npm install yjs/,
    )
  } finally {
    renameSync(`${yjs}-away`, yjs)
  }
})

const TYPED = `
const doc = new Y.Doc()
const map = new SharedMap<{ n: number }>(doc, 'm')
const n: number | undefined = map.get('k')?.n
// @ts-expect-error: values are checked
map.set('k', { n: 'x' })
const replica: Replica | undefined = undefined
const bridge: Bridge | undefined = undefined
export { bridge, n, PilotGossipProvider, replica }
`

const IMPORTED = `import { PilotGossipProvider, SharedMap } from 'pilot-gossip'
import { Bridge } from 'pilot-gossip/bridge'
import { Replica } from 'pilot-gossip/crdt'
import * as Y from 'yjs'
${TYPED}`

for (const name of ['typed.mts', 'typed.cts']) {
  test(`the compiler finds the types: ${name}`, () => {
    project.write(name, IMPORTED)
    assert.equal(project.diagnose(name), [])
  })
}

test('each entry is there for both, with its types first', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  for (const [entry, conditions] of Object.entries(exports)) {
    if (typeof conditions === 'string') continue
    const { import: imported, require: required } = conditions as Record<
      string,
      Record<string, string>
    >
    for (const files of [imported, required]) {
      assert.equal(Object.keys(files ?? {}), ['types', 'default'], entry)
      for (const path of Object.values(files ?? {}))
        assert.ok(statSync(join(project.dir, 'node_modules/pilot-gossip', path)).size > 0, path)
    }
  }
})

test('publint has nothing against it', async () => {
  const pkgDir = join(project.dir, 'node_modules/pilot-gossip')
  const { messages } = await publint({ pkgDir, pack: false, strict: true })
  assert.equal(messages, [])
})

test('what is there for require is one file and a few lines', () => {
  const dir = join(project.dir, 'node_modules/pilot-gossip/dist/require')
  const sizes = readdirSync(dir).map((name) => [name, statSync(join(dir, name)).size] as const)
  const [largest, ...others] = sizes.sort(([, a], [, b]) => b - a)
  assert.is(largest?.[0], 'all.cjs')
  for (const [name, size] of others) assert.ok(size < 100, name)
})

test.run()
