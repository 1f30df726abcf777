/** The pages: their links work, and their codes, limits and defaults are those of the program. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { LIMITS } from '../../crdt/index.ts'
import { PIECE_BYTES } from '../../src/agent/pieces.ts'
import type { Problem } from '../../src/agent/problem.ts'
import { BRIDGE_LIMITS } from '../../src/bridge/index.ts'
import { COMMANDS } from '../../src/cli/program.ts'
import { FAILURE_CODES } from '../../src/control/protocol.ts'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { DEFAULT_VALUE_BYTES, MAX_VALUE_BYTES } from '../../src/maps/index.ts'
import { filesOf } from '../helpers/fences.ts'
import { suite } from '../helpers/suite.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8')
const pages = filesOf(root, '.md')

const test = suite('pages')

/** Lines of the README: what does not fit belongs to a page of `docs`. */
const MAX_README_LINES = 150

test('the README fits on three screens', () => {
  const lines = read('README.md').trimEnd().split('\n').length
  assert.ok(lines <= MAX_README_LINES, `README.md has ${lines} lines`)
})

/** Text without code: brackets in code are not links. */
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

/** Links of a page without a target in the project. */
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

test('links: each leads to a file and a heading that exist', () => {
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

test('the README links each page of docs', () => {
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
  assert.equal(firstCellsOf('docs/errors.md', '## Codes').sort(), Object.keys(FAILURE_CODES).sort())
  assert.equal(firstCellsOf('docs/errors.md', '## Problems').sort(), Object.keys(PROBLEMS).sort())
})

/** Each `const NAME = 1_000` of our sources, with its file. */
const constants = filesOf(root, '.ts')
  .filter((path) => path.startsWith('src/'))
  .flatMap((path) =>
    [...read(path).matchAll(/^(?:export )?const ([A-Z_]+)(?:: number)? = ([\d_ *]+)$/gm)].map(
      ([, name = '', text = '']) => ({ path, name, text }),
    ),
  )

/** The value of a constant below that folder. Throws unless there is one of that name. */
const constantIn = (folder: string, name: string): number => {
  const [found, ...others] = constants.filter(
    (one) => one.path.startsWith(folder) && one.name === name,
  )
  if (!found || others.length > 0) throw new Error(`not one constant ${name} below ${folder}`)
  return found.text
    .replaceAll('_', '')
    .split('*')
    .reduce((product, factor) => product * Number(factor), 1)
}

const MiB = 1024 * 1024
const shown = (value: number): string => value.toLocaleString('en-US')

/** Text that each page must contain, with the numbers of the program. */
const readFacts = (): Readonly<Record<string, readonly string[]>> => {
  const value = DEFAULT_VALUE_BYTES / MiB
  const maxValue = MAX_VALUE_BYTES / MiB
  const key = shown(constantIn('src/maps/', 'MAX_NAME_BYTES'))
  const rooms = constantIn('src/agent/', 'MAX_ROOMS')
  const guests = constantIn('src/transports/', 'MAX_GUESTS')
  const clients = constantIn('src/control/', 'MAX_CLIENTS')
  const answer = constantIn('src/control/', 'MAX_ANSWER_BYTES') / MiB
  const waiting = shown(constantIn('src/transports/mailbox/', 'MAX_WAITING'))
  const away = constantIn('src/transports/mailbox/', 'MAX_AWAY_MESSAGES')
  const mail = shown(constantIn('src/transports/mailbox/', 'MAX_MESSAGE_BYTES'))
  const stdin = shown(constantIn('src/transports/pilot/', 'MAX_STDIN_BYTES'))
  const argument = shown(constantIn('src/transports/pilot/', 'MAX_ARGUMENT_BYTES'))
  const stale = shown(constantIn('src/provider/', 'STALE_MS'))
  return {
    'README.md': [`JSON of at most ${value} MiB`, `a key at most ${key} bytes`],
    'docs/limits.md': [
      `| ${value} MiB (`,
      `at most ${maxValue})`,
      `| a key | ${key} bytes`,
      `${shown(LIMITS.depth)} for other Yjs programs`,
      `${LIMITS.updateBytes / MiB} MiB, ${shown(LIMITS.entries)} structs`,
      `| ${PIECE_BYTES / 1024} KiB, inflated, or one message |`,
      `| peers that an agent remembers | ${shown(DEFAULTS.maxPeers)} |`,
      `next round, ${DEFAULTS.intervalMs / 1_000} s`,
      `after ${DEFAULTS.aloneMs / 1_000} s alone`,
      `after ${DEFAULTS.backoffMs / 1_000} s, doubled up to ${DEFAULTS.maxBackoffMs / 60_000} min`,
      `in use | ${rooms} | \`busy\``,
      `take part through an agent | ${guests} |`,
      `control socket | ${clients} |`,
      `in a mailbox | ${waiting}; ${away} for an agent that was killed`,
      `carries ${argument} bytes a message`,
    ],
    'docs/library.md': [`default ${value} MiB, at most ${maxValue}`],
    'docs/socket.md': [
      `serves ${guests} such programs`,
      `serves ${clients} connections`,
      `an answer ${answer} MiB`,
    ],
    'docs/transports.md': [
      `| ${mail} bytes |`,
      `| ${stdin} bytes; ${argument} before pilotctl 1.17`,
      `| ${waiting}; ${away} for an agent that was killed`,
    ],
    'docs/architecture.md': [
      `fresh changes for ${DEFAULTS.batchMs} ms`,
      `Every ${DEFAULTS.intervalMs / 1_000} s an agent`,
      `longer than ${DEFAULTS.inlineBytes / 1_024} KB`,
      `(up to ${2 * DEFAULTS.fanout} peers)`,
      `waits ${DEFAULTS.aloneMs / 1_000} s (\`aloneMs\`)`,
    ],
    'docs/provider.md': [
      `| \`staleMs\` | ${stale} |`,
      `up to ${DEFAULTS.announceFanout} peers learn of it at once`,
      `more than ${shown(LIMITS.depth)} deep`,
    ],
    'docs/bridge.md': [
      `At most ${rooms} rooms`,
      `| \`clients\` | ${BRIDGE_LIMITS.clients} |`,
      `| \`clientsPerRoom\` | ${BRIDGE_LIMITS.clientsPerRoom} |`,
      `| \`rooms\` that have clients | ${BRIDGE_LIMITS.rooms} |`,
      `| \`frameBytes\`, one message of a client | ${shown(BRIDGE_LIMITS.frameBytes)} |`,
      `| \`bytesPerSecond\` of one client, on average | ${shown(BRIDGE_LIMITS.bytesPerSecond)} |`,
      `| \`framesPerSecond\` of one client, on average | ${shown(BRIDGE_LIMITS.framesPerSecond)} |`,
      `| \`awarenessIds\` of one connection | ${BRIDGE_LIMITS.awarenessIds} |`,
      `| \`awarenessBytes\`, one awareness state as JSON | ${shown(BRIDGE_LIMITS.awarenessBytes)} |`,
    ],
  }
}

test('limits and defaults on the pages are those of the program', () => {
  const missing = Object.entries(readFacts()).flatMap(([page, facts]) => {
    const text = read(page).replaceAll(/\s+/g, ' ')
    return facts.filter((fact) => !text.includes(fact)).map((fact) => `${page}: ${fact}`)
  })
  assert.equal(missing, [])
})

test('library: the table lists the entry points of the package', () => {
  const { exports } = JSON.parse(read('package.json'))
  const names = Object.keys(exports).filter((name) => name !== './package.json')
  assert.equal(
    firstCellsOf('docs/library.md', '## Entry points of the package').sort(),
    names.map((name) => posix.join('pilot-gossip', name)).sort(),
  )
})

test('figures in the README are those of the generated page', () => {
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

test('architecture: the tree has each folder', () => {
  const page = read('docs/architecture.md')
  const folders = ['src', 'bench', 'test'].flatMap((folder) =>
    readdirSync(`${root}${folder}`, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => (folder === 'src' ? `src/${name}/` : `${name}/`)),
  )
  const mirrored = readdirSync(`${root}src`).map((name) => `${name}/`)
  assert.equal(
    folders.filter((folder) => !page.includes(`\`${folder}\``) && !mirrored.includes(folder)),
    [],
  )
})

/** Scripts that npm or the others call. */
const UNLISTED = ['prepack', 'test', 'demo']

test('CONTRIBUTING names each npm script, and each that it names exists', () => {
  const { scripts } = JSON.parse(read('package.json'))
  const named = [...read('CONTRIBUTING.md').matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name)
  assert.equal(
    named.filter((name = '') => !(name in scripts)),
    [],
  )
  assert.equal(
    Object.keys(scripts).filter((name) => !named.includes(name) && !UNLISTED.includes(name)),
    [],
  )
})

test('cli: the page has each command', () => {
  const page = read('docs/cli.md')
  assert.equal(
    COMMANDS.filter(({ name }) => !new RegExp(`\`${name}[ \`]`).test(page)).map(({ name }) => name),
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
