/** The pages: their links lead somewhere, and what they say of codes, limits and defaults is so. */
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { LIMITS } from '../../crdt/index.ts'
import type { Problem } from '../../src/agent/problem.ts'
import { BRIDGE_LIMITS } from '../../src/bridge/index.ts'
import type { FailureCode } from '../../src/errors.ts'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from '../../src/maps/index.ts'
import { filesOf } from '../helpers/fences.ts'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8')
const pages = filesOf(root, '.md')

const test = suite('pages')

/** Lines of the README: what does not fit is a page of `docs`. */
const MAX_README_LINES = 150

test('the README: fits on three screens', () => {
  const lines = read('README.md').trimEnd().split('\n').length
  assert.ok(lines <= MAX_README_LINES, `README.md has ${lines} lines`)
})

/** Text without code, in which brackets are no links. */
const proseOf = (text: string): string =>
  text
    .replaceAll(/^```.*?^```/gms, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()#]/g, ''))

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (path: string): string[] =>
  [
    ...read(path)
      .replaceAll(/^```.*?^```/gms, '')
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

/** Links of a page that lead to nothing in the project. */
const findDeadLinks = (page: string, text: string): string[] => {
  const prose = proseOf(text)
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|<img src="([^"]+)"/g)].map(
    ([, link, picture]) => link ?? picture ?? '',
  )
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path = '', anchor] = target.split('#')
      const file = path === '' ? page : posix.join(posix.dirname(page), path)
      if (!existsSync(`${root}${file}`)) return true
      return anchor !== undefined && !(file.endsWith('.md') && anchorsOf(file).includes(anchor))
    })
}

test('links: all lead to a file and a heading that exist', () => {
  assert.ok(pages.length > 10, `only ${pages.length} pages were found`)
  assert.equal(
    pages.flatMap((page) => findDeadLinks(page, read(page)).map((link) => `${page}: ${link}`)),
    [],
  )
})

test('links: a dead one is found', () => {
  const text = '[a](none.md) [b](limits.md#none) [c](limits.md#time) `[d](x)` <img src="x.svg">'
  assert.equal(findDeadLinks('docs/cli.md', text), ['none.md', 'limits.md#none', 'x.svg'])
})

test('README: links each page of docs', () => {
  const readme = read('README.md')
  const guides = pages.filter((page) => page.startsWith('docs/'))
  assert.equal(
    guides.filter((page) => !readme.includes(`(${page}`)),
    [],
  )
})

/** The first cells of the table below a heading. */
const firstCellsOf = (path: string, heading: string): string[] => {
  const [, section = ''] = read(path).split(`\n${heading}\n`)
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, cell = '']) => cell)
}

/** The compiler compares the names with the types: one too many or too few is an error. */
const CODES: Record<FailureCode, true> = {
  invalid_argument: true,
  not_found: true,
  not_running: true,
  already_exists: true,
  connection_failed: true,
  timeout: true,
  trust_required: true,
  permission_denied: true,
  disk_full: true,
  damaged: true,
  too_large: true,
  inbox_full: true,
  busy: true,
  closed: true,
  internal: true,
}

const PROBLEMS: Record<Problem['type'], true> = {
  transport: true,
  store: true,
  send: true,
  refused: true,
  unsendable: true,
  observer_failed: true,
  diverged: true,
}

test('errors: each code and each type of a problem has a row', () => {
  assert.equal(firstCellsOf('docs/errors.md', '## Codes').sort(), Object.keys(CODES).sort())
  assert.equal(firstCellsOf('docs/errors.md', '## Problems').sort(), Object.keys(PROBLEMS).sort())
})

/** The value of a constant that a file keeps to itself. Throws when the file has none of that name. */
const constantIn = (path: string, name: string): number => {
  const [, text] = new RegExp(`^(?:export )?const ${name}(?:: number)? = ([\\d_ *]+)$`, 'm').exec(
    read(path),
  ) ?? ['', '']
  if (!text) throw new Error(`${path} has no constant ${name}`)
  return text
    .replaceAll('_', '')
    .split('*')
    .reduce((product, factor) => product * Number(factor), 1)
}

const MiB = 1024 * 1024
const shown = (value: number): string => value.toLocaleString('en-US')

/** What a page says, with the number as the program has it. */
const FACTS: readonly (readonly [page: string, text: string])[] = [
  ['README.md', `JSON of at most ${DEFAULT_VALUE_BYTES / MiB} MiB`],
  ['docs/limits.md', `| ${DEFAULT_VALUE_BYTES / MiB} MiB (`],
  ['docs/limits.md', `at most ${MAX_VALUE_BYTES / MiB})`],
  ['docs/library.md', `default ${DEFAULT_VALUE_BYTES / MiB} MiB, at most ${MAX_VALUE_BYTES / MiB}`],
  ['docs/limits.md', `| a key | ${shown(constantIn('src/maps/names.ts', 'MAX_NAME_BYTES'))} bytes`],
  ['README.md', `a key at most ${shown(constantIn('src/maps/names.ts', 'MAX_NAME_BYTES'))} bytes`],
  ['docs/limits.md', `${shown(LIMITS.depth)} for other Yjs programs`],
  ['docs/limits.md', `${LIMITS.updateBytes / MiB} MiB, ${shown(LIMITS.entries)} structs`],
  ['docs/limits.md', `| peers that an agent remembers | ${shown(DEFAULTS.maxPeers)} |`],
  ['docs/limits.md', `next round, ${DEFAULTS.intervalMs / 1_000} s`],
  ['docs/limits.md', `after ${DEFAULTS.aloneMs / 1_000} s alone`],
  ['docs/limits.md', `doubled up to ${DEFAULTS.maxBackoffMs / 60_000} min`],
  ['docs/limits.md', `in use | ${constantIn('src/agent/room-name.ts', 'MOST_ROOMS')} | \`busy\``],
  ['docs/bridge.md', `At most ${constantIn('src/agent/room-name.ts', 'MOST_ROOMS')} rooms`],
  ['docs/limits.md', `agent | ${constantIn('src/transports/relay.ts', 'MAX_GUESTS')} |`],
  ['docs/socket.md', `serves ${constantIn('src/transports/relay.ts', 'MAX_GUESTS')} such programs`],
  ['docs/limits.md', `socket | ${constantIn('src/control/server.ts', 'MAX_CLIENTS')} |`],
  ['docs/socket.md', `serves ${constantIn('src/control/server.ts', 'MAX_CLIENTS')} connections`],
  [
    'docs/socket.md',
    `an answer ${constantIn('src/control/protocol.ts', 'MAX_ANSWER_BYTES') / MiB} MiB`,
  ],
  [
    'docs/limits.md',
    `${shown(constantIn('src/transports/mailbox/mailbox.ts', 'MAX_WAITING'))}; ${constantIn('src/transports/mailbox/box.ts', 'AWAY_MESSAGES')} for an agent that was killed`,
  ],
  [
    'docs/transports.md',
    `| ${shown(constantIn('src/transports/mailbox/message-file.ts', 'MAX_MESSAGE_BYTES'))} bytes |`,
  ],
  [
    'docs/transports.md',
    `${shown(constantIn('src/transports/pilot/version.ts', 'MAX_STDIN_BYTES'))} bytes; ${shown(constantIn('src/transports/pilot/version.ts', 'MAX_ARGUMENT_BYTES'))} before pilotctl 1.17`,
  ],
  ['docs/architecture.md', `fresh changes for ${DEFAULTS.batchMs} ms`],
  ['docs/architecture.md', `Every ${DEFAULTS.intervalMs / 1_000} s an agent`],
  ['docs/architecture.md', `longer than ${DEFAULTS.inlineBytes / 1_024} KB`],
  [
    'docs/provider.md',
    `| \`staleMs\` | ${shown(constantIn('src/provider/provider.ts', 'STALE_MS'))} |`,
  ],
  ['docs/provider.md', `up to ${DEFAULTS.announceFanout} peers learn of it at once`],
  ['docs/bridge.md', `| \`clients\` | ${BRIDGE_LIMITS.clients} |`],
  ['docs/bridge.md', `| \`clientsPerRoom\` | ${BRIDGE_LIMITS.clientsPerRoom} |`],
  ['docs/bridge.md', `| ${shown(BRIDGE_LIMITS.frameBytes)} |`],
  ['docs/bridge.md', `| ${shown(BRIDGE_LIMITS.bytesPerSecond)} |`],
  ['docs/bridge.md', `| ${shown(BRIDGE_LIMITS.framesPerSecond)} |`],
  ['docs/bridge.md', `| \`awarenessIds\` of one connection | ${BRIDGE_LIMITS.awarenessIds} |`],
  ['docs/bridge.md', `| ${shown(BRIDGE_LIMITS.awarenessBytes)} |`],
]

test('limits and defaults: the pages have those of the program', () => {
  const texts = new Map(pages.map((page) => [page, read(page).replaceAll(/\s+/g, ' ')]))
  assert.equal(
    FACTS.filter(([page, text]) => !texts.get(page)?.includes(text)),
    [],
  )
})

test('figures: those of the README are those of the page that is generated', () => {
  const [, figures = ''] = read('README.md').split('\n## Figures\n')
  const values = [...figures.matchAll(/^\| [^|]+ \| ([\d.,]+ \p{L}+) \|$/gimu)].map(
    ([, value = '']) => value,
  )
  assert.ok(values.length >= 5, `only ${values.length} figures were found`)
  const page = read('docs/performance.md')
  assert.equal(
    values.filter((value) => !page.includes(value) && !page.includes(value.replace(/ ms$/, ''))),
    [],
  )
})

/** `5 agents at 20/s: acknowledged after, p99` -> `acknowledged after`. */
const targetOf = (row: string): string => row.replace(/^.*?: /, '').replace(/,.*$/, '')

test('performance: each target that is missed has a reason', () => {
  const missed = [...read('docs/performance.md').matchAll(/^\| ([^|]+) \|.*\*\*missed\*\* \|$/gm)]
  const reasons = firstCellsOf('docs/performance.md', '## Missed targets, and why')
  assert.equal(
    missed.map(([, row = '']) => targetOf(row)).filter((target) => !reasons.includes(target)),
    [],
  )
  assert.is(targetOf('5 agents at 20/s: acknowledged after, p99'), 'acknowledged after')
})

test.run()
