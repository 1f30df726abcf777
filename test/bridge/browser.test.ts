/**
 * The editor of the examples in a real browser: two pages at the bridges of two agents, which gossip
 * with each other. Both pages show what is typed, changed by an agent and undone, also after a reload,
 * and names and cursors. Screenshots are left in `.cache/`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import * as assert from 'uvu/assert'
import { Agent } from '../../src/agent/agent.ts'
import { Bridge } from '../../src/bridge/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('editor in a browser')

/** The path in Debian's package. */
const CHROMIUM = '/usr/bin/chromium'

/** Milliseconds to start a browser on a busy machine. */
const START_MS = 60_000

const root = fileURLToPath(new URL('../../', import.meta.url))
const pictures = fileURLToPath(new URL('../../.cache/', import.meta.url))

/** An address holds the room's name percent-encoded; the page shows it as it is. */
const ROOM = 'team notes'

const servers: ChildProcess[] = []
const bridges: Bridge[] = []
const agents: Agent[] = []
let browser: Browser

/** What the pages wrote to their consoles, and which other addresses they requested. */
const complaints: string[] = []

const startAgent = async (hub: MemoryHub, name: string): Promise<Agent> => {
  const agent = new Agent({
    swarm: 'kv',
    transport: new MemoryTransport(hub, name),
    config: { intervalMs: 500 },
  })
  agents.push(agent)
  await agent.start()
  return agent
}

/** Starts the server of the example with a bridge of that agent. Resolves to the address of its page. */
const serve = async (agent: Agent, token?: string): Promise<string> => {
  const bridge = new Bridge({
    rooms: { open: (name) => agent.openRoom(name) },
    port: 0,
    ...(token !== undefined && { token }),
  })
  bridges.push(bridge)
  const { url } = await bridge.listen()
  const script = 'test/examples/editor/serve.ts'
  const room = `${encodeURIComponent(ROOM)}${token === undefined ? '' : `?token=${token}`}`
  const args = ['--import', 'tsx', script, `${url}/${room}`]
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  servers.push(child)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  return until('the page to be served', () => {
    if (child.exitCode !== null) throw new Error(`serve.ts ended with ${child.exitCode}`)
    return /^http:\S+(?=\n)/.exec(output)?.[0]
  })
}

/** The page of one person, in its own browser profile, so that pages share data only over the bridge. */
const visit = async (address: string, name: string, scheme: 'light' | 'dark'): Promise<Page> => {
  const url = new URL(address)
  url.searchParams.set('name', name)
  const context = await browser.newContext({
    colorScheme: scheme,
    viewport: { width: 900, height: 420 },
  })
  const page = await context.newPage()
  page.on('console', (message) => complaints.push(`${name}: ${message.text()}`))
  page.on('pageerror', (error) => complaints.push(`${name}: ${error.message}`))
  page.on('request', (request) => {
    if (!request.url().startsWith(url.origin)) complaints.push(`${name}: asked ${request.url()}`)
  })
  await page.goto(url.href)
  await page.getByText('connected', { exact: true }).waitFor()
  return page
}

/** The visible text, without the labels of other people's cursors. */
const linesOf = (page: Page): Promise<string[]> =>
  page.locator('.cm-line').evaluateAll((lines) =>
    lines.map((line) =>
      [...line.childNodes]
        .filter((node) => node.nodeName !== 'IMG' && node.nodeName !== 'BR')
        .filter((node) => !(node as { className?: string }).className?.includes('Caret'))
        .map((node) => node.textContent)
        .join(''),
    ),
  )

const showsLines = (page: Page, ...expected: readonly string[]) =>
  until(
    `a page to show ${JSON.stringify(expected)}`,
    async () => JSON.stringify(await linesOf(page)) === JSON.stringify(expected),
  )

/** Resolves when a page shows exactly these names, of cursors or of people. */
const showsNames = async (page: Page, selector: string, ...expected: readonly string[]) => {
  const named = async () => (await page.locator(selector).allTextContents()).sort()
  try {
    await until('the names', async () => `${await named()}` === `${expected}`)
  } catch (error) {
    const text = `${selector} shows ${await named()}, not ${expected}; ${complaints}`
    throw new Error(text, { cause: error })
  }
}

const run = async (): Promise<void> => {
  const hub = new MemoryHub()
  const [a, b] = [await startAgent(hub, 'a'), await startAgent(hub, 'b')]
  const [here, there] = await Promise.all([serve(a), serve(b, 's3cret')])
  const anna = await visit(here, 'anna', 'light')
  const bert = await visit(there, 'bert', 'dark')
  const text = (await a.openRoom(ROOM)).doc.getText('text')
  const far = (await b.openRoom(ROOM)).doc.getText('text')
  assert.is(await anna.locator('h1').textContent(), ROOM)

  await anna.keyboard.type('Dear swarm,')
  await anna.keyboard.press('Enter')
  await anna.keyboard.type('this is typed in a browser.')
  await showsLines(bert, 'Dear swarm,', 'this is typed in a browser.')
  const typed = 'Dear swarm,\nthis is typed in a browser.'
  for (const one of [text, far]) {
    await until('an agent to have it', () => one.toString() === typed)
  }

  await showsNames(anna, '#people li', 'anna (you)', 'bert')
  await showsNames(bert, '#people li', 'anna', 'bert (you)')
  await bert.keyboard.press('Control+End')
  await bert.keyboard.type(' So is this.')
  await showsNames(anna, '.cm-ySelectionInfo', 'bert')
  await showsNames(bert, '.cm-ySelectionInfo', 'anna')

  far.insert(far.length, '\nAn agent wrote this line.')
  const all = [
    'Dear swarm,',
    'this is typed in a browser. So is this.',
    'An agent wrote this line.',
  ]
  for (const page of [anna, bert]) await showsLines(page, ...all)
  await anna.keyboard.press('Shift+Home') // what is selected is shown to the other
  await until('it to be shown', async () => (await bert.locator('.cm-ySelection').count()) > 0)
  mkdirSync(pictures, { recursive: true })
  await anna.screenshot({ path: `${pictures}editor-light.png` })
  await bert.screenshot({ path: `${pictures}editor-dark.png` })

  await bert.keyboard.press('Control+z') // only Bert's own words
  const [first, , last] = all as [string, string, string]
  const left = [first, 'this is typed in a browser.', last]
  for (const page of [anna, bert]) await showsLines(page, ...left)

  await anna.reload()
  await showsLines(anna, ...left)
  await showsNames(bert, '#people li', 'anna', 'bert (you)')
  assert.is(text.toString(), left.join('\n'))
  await anna.close()
  await showsNames(bert, '#people li', 'bert (you)')
  await showsNames(bert, '.cm-ySelectionInfo')
  assert.equal(complaints, [])
}

if (existsSync(CHROMIUM)) {
  test.before(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: START_MS,
      chromiumSandbox: process.getuid?.() !== 0, // it refuses to be started by root otherwise
      args: ['--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'],
    })
  })

  test.after(async () => {
    await browser?.close()
    await Promise.all(bridges.map((bridge) => bridge.close()))
    await Promise.all(agents.map((agent) => agent.stop()))
    for (const child of servers) child.kill('SIGINT')
    await until('the servers to end', () => servers.every(({ exitCode }) => exitCode !== null))
  })

  test('two pages and two agents edit one text', run, { timeout: 120_000 })
} else {
  test.skip('two pages and two agents edit one text', `no ${CHROMIUM}: install Debian's chromium`)
}

test.run()
