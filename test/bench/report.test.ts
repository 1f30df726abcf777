/**
 * What one looks at: scales, plots, the page and the README's section, from a result made up here.
 * Pictures are looked at as text: whether all is there and inside. How they look is for eyes.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ENGINES as ALL } from '../../bench/engines/index.ts'
import { main } from '../../bench/main.ts'
import { createFigures } from '../../bench/report/figures.ts'
import { readPart, replacePart } from '../../bench/report/marked.ts'
import { createPage } from '../../bench/report/page.ts'
import { drawMarker } from '../../bench/report/plot/mark.ts'
import { escapeText, render } from '../../bench/report/plot/markup.ts'
import { toFile } from '../../bench/report/plot/picture.ts'
import { linearScale, logScale } from '../../bench/report/plot/scale.ts'
import { COLOURS, createStyles } from '../../bench/report/plot/style.ts'
import { BYTES, MICROSECONDS, SHARE } from '../../bench/report/plot/unit.ts'
import { createOverwritesText, createSection, PLOTS } from '../../bench/report/readme-section.ts'
import { readResult, readSimulation, readSwarm } from '../../bench/report/saved.ts'
import { TARGET_KEYS, targetsTable } from '../../bench/report/targets.ts'
import { expectSpread } from '../../bench/report/theory.ts'
import { STANDARD } from '../../bench/simulate/settings.ts'
import type { Result as Simulation } from '../../bench/simulate/simulate.ts'
import { leftOutShare } from '../../bench/simulate/theory.ts'
import type { BenchResult } from '../../bench/workloads/bench.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench-html')

const root = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const ENGINES = ['scalar', 'yjs-v1', 'yjs-v2', 'pilot-gossip', 'pilot-gossip hot', 'loro', 'a<b']
const WORKLOADS = ['whole into empty', 'delta of 1 key', 'nothing new, shortest', 'B9.1 & more']

const spread = (median: number) => ({ median, min: median * 0.9, max: median * 1.2 })

const result: BenchResult = {
  machine: {
    cpu: 'A processor',
    cores: 2,
    platform: 'linux x64',
    node: '20.0.0',
    yjs: '13.0.0',
    lib0: '0.2.0',
    load: 0.5,
  },
  date: '2026-01-02T03:04:05.678Z',
  clock: 'processor time',
  seed: 1,
  runs: 3,
  reference: 'yjs-v1',
  engines: ENGINES.map((name) => ({ name, about: `what ${name} is` })),
  layouts: [{ name: 'plain', about: 'a map' }],
  swarm: { nodes: 10, keys: 100, rounds: 15, fanout: 3 },
  merges: WORKLOADS.flatMap((workload, at) =>
    // The last workload has one size only.
    (at === 3 ? [6_000] : [100, 10_000]).flatMap((keys) =>
      ENGINES.map((engine, index) => ({
        keys,
        workload,
        engine,
        bytes: keys * (index + 1) + at,
        lost: at === 0 ? index : null,
        us: spread(keys * (index + 1)),
        ratio: index + 0.5,
        samples: 3,
        merges: 1,
      })),
    ),
  ),
  lostWrites: ENGINES.map((engine, index) => ({
    engine,
    writes: 10,
    written: 80,
    lost: index,
    differing: index,
  })),
  overwrites: [1, 1_000].map((times) => ({
    layout: 'plain',
    writers: 1,
    keys: 100,
    times,
    bytes: 1_000 * times,
    structs: 100 * times,
    liveBytes: 7_000,
    byteRatio: times / 7,
    structRatio: times,
    writeUs: 20,
    exchangeUs: null,
  })),
}

const write = (loss: number) => ({
  loss,
  size: 20,
  update: 60,
  writes: 9,
  ms: [300, 400, 650, null],
  // As JSON has it: null where a share was never reached.
  curve: Array.from({ length: 100 }, (_, i) => (i === 99 ? null : 100 + i * 5)),
  hops: [4, 6, 8, 9],
  hopsMean: 8,
  hopsMost: 10,
  roundsMean: 0.3,
  roundsMost: 1,
  messages: 6,
  copies: 3,
  bytes: 1_800,
  payload: 240,
  times: 3,
  leftOut: 0.002,
  leftOutAfterTwo: 0,
  repaired: 3,
  repairMs: 3_000,
  theory: {
    pushRounds: 8.2,
    pushPullRounds: 5,
    leftOutByPush: 0.06,
    leftOutByEcho: 0.0025,
    allReached: 0.08,
    fetchedCopies: 1,
  },
})

const simulation: Simulation = {
  settings: { ...STANDARD, sections: ['write'], sizes: [20] },
  writes: [write(0), write(0.1)],
  rates: [],
  faults: [],
  writers: [],
  verdicts: [],
}

/** The result without that engine. */
const without = (engine: string): BenchResult => ({
  ...result,
  engines: result.engines.filter(({ name }) => name !== engine),
  merges: result.merges!.filter((cell) => cell.engine !== engine),
  lostWrites: result.lostWrites!.filter((row) => row.engine !== engine),
})

const figuresOf = (of: BenchResult, beside?: Simulation) =>
  [...createFigures(of, beside).values()].flat()

/** Throws where a tag is not closed, or closed twice. Elements without an end tag are HTML's only. */
const checkTags = (markup: string): void => {
  const open: string[] = []
  for (const [, end, name = ''] of markup.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*>/g)) {
    if (name === 'meta' || name === 'br') continue
    if (end === '') open.push(name)
    else assert.is(open.pop(), name)
  }
  assert.equal(open, [])
}

/** Ticks with a label. */
const mainsOf = (values: readonly number[]): number[] =>
  logScale(values, [0, 100])
    .ticks.filter(({ isMain }) => isMain)
    .map(({ value }) => value)

test('logarithmic scales begin and end at 1, 2 or 5, mark the powers of ten, and have fine ticks', () => {
  const scale = logScale([120, 34_000], [0, 100])
  assert.equal(mainsOf([120, 34_000]), [100, 1_000, 10_000])
  assert.equal([scale.ticks[0]!.value, scale.ticks.at(-1)!.value], [100, 50_000])
  assert.is(scale.place(100), 0)
  assert.ok(Math.abs(scale.place(50_000) - 100) < 1e-9)
  assert.equal(mainsOf([300, 400]), [200, 500])
  assert.ok(logScale([100], [0, 100]).place(100) < 100, 'one value has a place too')
  assert.equal(mainsOf([0.002, 0.4]), [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
  assert.throws(() => logScale([0, -1], [0, 1]), 'without a value above 0')
})

test('linear scales begin at 0 and have few ticks', () => {
  const ticks = (values: number[]) => linearScale(values, [0, 100]).ticks.map(({ value }) => value)
  assert.equal(ticks([0.58]), [0, 0.2, 0.4, 0.6])
  assert.equal(ticks([1]), [0, 0.2, 0.4, 0.6, 0.8, 1])
  assert.is(ticks([0])[0], 0)
})

test('numbers have three digits and a unit', () => {
  assert.equal([7.4, 331_000, 999_700, 0].map(BYTES.show), ['7.4 B', '331 kB', '1 MB', '0'])
  assert.equal([0.25, 166, 60_761, 3.17e6].map(MICROSECONDS.show), [
    '250 ns',
    '166 \u00b5s',
    '60.8 ms',
    '3.17 s',
  ])
  assert.is(SHARE.show(0.0025), '0.25 %')
})

test('no two series look alike; a family has one colour, ours the first', () => {
  const names = ALL.map(({ name }) => name)
  const styles = createStyles(names)
  const looks = names.map((name) => styles.get(name)!)
  assert.is(new Set(looks.map(({ colour, dashes }) => `${colour} ${dashes}`)).size, names.length)
  assert.is(new Set(looks.map(({ marker }) => marker)).size, names.length)
  const drawn = looks.map((style) => render(drawMarker({ x: 0, y: 0 }, style)))
  assert.is(new Set(drawn).size, names.length)
  assert.is(styles.get('yjs-v1')!.colour, styles.get('yjs-v2')!.colour)
  assert.is(styles.get('pilot-gossip')!.colour, 0)
  assert.ok(looks.every(({ colour }) => colour < COLOURS.length))
})

test('theory ends where the formula of rumours that infect and die does', () => {
  const options = {
    nodes: 1_000_000,
    fanout: 3,
    loss: 0.1,
    latency: [10, 50] as const,
    batchMs: 20,
    digestDelayMs: 250,
    isFetched: false,
    until: 3_000,
  }
  const alone = expectSpread({ ...options, echo: 0 })
  assert.ok(Math.abs(1 - alone.at(-1)! - leftOutShare(3, 0.1)) < 1e-4)
  assert.ok(alone.every((share, ms) => ms === 0 || share >= alone[ms - 1]! - 1e-12))
  assert.ok(expectSpread({ ...options, echo: 3 }).at(-1)! > alone.at(-1)!)
})

test('every figure names its series, its axes and its logarithms, and stays inside', () => {
  const figures = figuresOf(result, simulation)
  const ids = figures.map(({ id }) => id)
  assert.is(new Set(ids).size, ids.length)
  for (const id of ['time-whole-into-empty', 'bytes-b9-1-more', 'lost-writes', 'reached-20']) {
    assert.ok(ids.includes(id), `${id} in ${ids}`)
  }
  for (const { id, picture } of figures) {
    const svg = toFile(picture)
    checkTags(svg)
    assert.not.match(svg, /NaN|Infinity|undefined|null/, id)
    for (const [, value] of svg.matchAll(/ (?:x|x1|x2|cx)="(-?[\d.]+)"/g)) {
      assert.ok(Number(value) >= 0 && Number(value) <= picture.width, `${id}: x ${value}`)
    }
    for (const [, value] of svg.matchAll(/ (?:y|y1|y2|cy)="(-?[\d.]+)"/g)) {
      assert.ok(Number(value) >= 0 && Number(value) <= picture.height, `${id}: y ${value}`)
    }
  }
  const time = toFile(figures.find(({ id }) => id === 'time-whole-into-empty')!.picture)
  for (const name of ENGINES) assert.ok(time.includes(`>${escapeText(name)}</text>`), name)
  assert.match(time, '>keys in the map (log scale)<')
  assert.match(time, '>time of one merge (log scale)<')
  assert.match(time, 'prefers-color-scheme:dark')
  const reached = toFile(figures.find(({ id }) => id === 'reached-20')!.picture)
  for (const name of ['10 % lost, simulated', '10 % lost, theory'])
    assert.match(reached, `>${name}<`)
})

test('the names beside lines never touch, however near the lines end', () => {
  const engines = Array.from({ length: 25 }, (_, index) => `engine-${index}`)
  const crowd: BenchResult = {
    ...result,
    merges: engines.flatMap((engine) =>
      [100, 1_000].map((keys) => ({ ...result.merges![0]!, engine, keys })),
    ),
  }
  const { picture } = figuresOf(crowd).find(({ id }) => id.startsWith('time-'))!
  const heights = [...toFile(picture).matchAll(/y="([\d.]+)">engine-\d+<\/text>/g)]
    .map(([, y]) => Number(y))
    .sort((a, b) => a - b)
  assert.is(heights.length, engines.length)
  heights.slice(1).forEach((height, index) => {
    assert.ok(height - heights[index]! >= 14, `${heights}`)
  })
  assert.ok(heights.at(-1)! < picture.height)
})

test('the page needs no network and no script, escapes, and has all chapters', () => {
  const page = createPage(result, simulation)
  checkTags(page)
  assert.not.match(page, /<script|<link|@import|src=|url\(|https?:\/\/(?!www\.w3\.org)/)
  assert.not.match(page, 'a<b')
  assert.match(page, 'a&lt;b')
  for (const id of ['merges', 'lost', 'overwrites', 'simulation']) {
    assert.match(page, `id="chapter-${id}"`)
  }
  assert.is(createPage(result, simulation), page, 'the same again')
})

test('B3, memory and who was left out are shown where they are there', () => {
  const more: BenchResult = {
    ...result,
    b3: ENGINES.map((engine, index) => ({
      id: 'B3.1',
      about: 'clients set a number',
      engine,
      n: 6_000,
      clients: 1_540,
      updateBytes: 50_000,
      docBytes: 40_000,
      samples: 3,
      us: spread(72_000 * (index + 1)),
      encodeUs: 1_000,
      parseUs: 2_000,
      ratio: null,
    })),
    heap: [100, 1_000].map((keys) => ({ engine: 'loro', keys, bytes: keys * 500 })),
    leftOut: [{ engine: 'scalar', keys: 100, reason: 'too slow' }],
  }
  const ids = figuresOf(more).map(({ id }) => id)
  for (const id of ['b3-time', 'b3-bytes', 'heap']) assert.ok(ids.includes(id), id)
  const page = createPage(more)
  checkTags(page)
  for (const part of ['chapter-b3', 'chapter-heap', 'too slow']) assert.match(page, part)
})

test('what was not run breaks nothing', () => {
  const { merges, lostWrites, overwrites, ...none } = result
  assert.equal(figuresOf(none), [])
  assert.not.match(createPage(none), 'chapter-')
  for (const name of ENGINES) {
    createPage(without(name), simulation)
    const { text, pictures } = createSection(without(name))
    assert.not.match(text, `| ${name} |`)
    assert.ok(pictures.length > 0)
  }
  const one = merges!.filter(({ workload }) => workload === 'delta of 1 key')
  const { text } = createSection({ ...none, merges: one })
  assert.match(text, 'one key changed')
  assert.not.match(text, 'whole state: message')
  assert.match(createSection(none).text, 'Made on')
  const odd = merges!.slice(0, 1).map((cell) => ({ ...cell, engine: 'unheard of', bytes: 0 }))
  createPage({ ...none, merges: odd, lostWrites: lostWrites!, overwrites: overwrites! })
})

test('the section is complete and the same each time', () => {
  const { text, pictures } = createSection(result, simulation)
  assert.equal(createSection(structuredClone(result), structuredClone(simulation)).text, text)
  for (const part of ['A processor, 2 cores', '2026-01-02', 'load 0.5', 'npm run', '10,000 keys']) {
    assert.match(text, part)
  }
  for (const name of ENGINES) {
    assert.match(text, `\n| ${name} | `)
    assert.match(text, `what ${name} is`)
  }
  const shown = [...text.matchAll(/<img src="([^"]+)"/g)].map(([, path]) => path)
  assert.equal(
    shown,
    pictures.map(({ id }) => `../${PLOTS}/${id}.svg`),
  )
  assert.is(shown.length, 8)
})

/** Rows of the table of targets, by name. */
const targetsOf = (merges: NonNullable<BenchResult['merges']>, beside?: Simulation) =>
  new Map(targetsTable(merges, beside).rows.map(([name = '', ...row]) => [name, row]))

test('a target is met, missed or not measured, as the results have it', () => {
  const cellOf = (workload: string, engine: string, us: number, ratio: number, bytes = 300) => ({
    ...result.merges![0]!,
    keys: TARGET_KEYS,
    workload,
    engine,
    bytes,
    us: spread(us),
    ratio,
  })
  const cells = [
    cellOf('whole into empty', 'pilot-gossip', 100, 1.6),
    cellOf('whole into empty', 'automerge', 400, 6),
    cellOf('delta of 1 key', 'pilot-gossip', 51, 9, 401),
    cellOf('200 deltas of 1 key', 'pilot-gossip', 10_200, 9),
    // Of another size, and of another engine: neither counts.
    { ...cellOf('same whole again', 'pilot-gossip', 1, 0.01), keys: 1_000 },
    cellOf('delta of 100 keys', 'pilot-gossip hot', 1, 1),
  ]
  const rows = targetsOf(cells)
  assert.equal(rows.get('whole state into an empty replica: times Y.applyUpdate'), [
    '<= 1.5',
    '1.6',
    '**missed**',
  ])
  assert.equal(rows.get('whole state into an empty replica: times as fast as Automerge'), [
    '>= 4',
    '4',
    'met',
  ])
  assert.is(rows.get('updates of one key: checked and merged in a second')![2], '**missed**')
  assert.is(rows.get('one key changed: bytes of the message')![2], '**missed**')
  for (const start of ['nothing new, the whole', 'updates of 100 keys']) {
    const [, row] = [...rows].find(([name]) => name.startsWith(start))!
    assert.is(row[2], 'not measured')
  }
})

test('verdicts of the simulation: each that is missed, and the nearest of those that are met', () => {
  const verdictOf = (of: string, value: number | null, target: number) => ({
    name: '99 % have it',
    of,
    unit: 'ms',
    value,
    target,
    isInside: value !== null && value <= target,
    limit: null,
    isWithinLimit: true,
  })
  const verdicts = [
    verdictOf('a', 500, 700),
    verdictOf('b', 800, 900),
    verdictOf('c', 990, 700),
    verdictOf('d', null, 700),
  ]
  const rows = [...targetsOf([], { ...simulation, verdicts })]
  assert.equal(
    rows.filter(([name]) => name.startsWith('99 % have it, ')).map(([name, row]) => [name, ...row]),
    [
      ['99 % have it, c', '<= 700 ms', '990 ms', '**missed**'],
      ['99 % have it, d', '<= 700 ms', 'never', '**missed**'],
      ['99 % have it, b', '<= 900 ms', '800 ms', 'met, 1 more'],
    ],
  )
  assert.ok(rows.some(([name, row]) => name === 'idle' && row[2] === 'not measured'))
})

test('what overwrites leave is told at the most of them, for the README', () => {
  const text = createOverwritesText(result.overwrites!)
  assert.match(text, '| 100 keys x 1,000 overwrites, 7 kB alive | structs in memory | bytes |')
  assert.match(text, '| plain, one writer | 100,000 | 1 MB |')
  assert.not.match(text, '| 100 |')
  assert.is(createOverwritesText([]), '')
})

test('the page has its markers, and a section is replaced between them', async () => {
  const page = read('docs/performance.md')
  for (const name of ['performance', 'overwrites'] as const) {
    const changed = replacePart(page, name, 'new\n')
    assert.is(readPart(changed, name), 'new\n')
    assert.is(replacePart(changed, name, readPart(page, name)), page)
    for (const broken of ['', changed + changed]) {
      await rejects(
        () => replacePart(broken, name, ''),
        /invalid_argument docs.performance.md lacks/,
      )
    }
  }
})

test('the section and its pictures are those of the results that are kept', () => {
  const keptOf = <T>(name: string, readIt: (path: string) => T): T | undefined => {
    const path = join(root, 'bench/results', name)
    return existsSync(path) ? readIt(path) : undefined
  }
  const saved = readResult(join(root, 'bench/results/bench.jsonl'))
  const { text, pictures } = createSection(
    saved,
    keptOf('simulation.jsonl', readSimulation),
    keptOf('swarm.jsonl', readSwarm),
  )
  const hint = 'run `npm run bench:readme`'
  assert.is(readPart(read('docs/performance.md'), 'performance'), text, hint)
  const overwrites = createOverwritesText(saved.overwrites ?? [])
  assert.is(readPart(read('docs/performance.md'), 'overwrites'), overwrites, hint)
  const names = pictures.map(({ id }) => `${id}.svg`)
  assert.equal(readdirSync(join(root, PLOTS)).sort(), [...names].sort(), hint)
  for (const { id, picture } of pictures) {
    assert.is(read(`${PLOTS}/${id}.svg`), toFile(picture), hint)
  }
})

test('a saved result is shown again, with its page; what is none is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-bench-'))
  const saved = join(dir, 'a.json')
  const page = join(dir, 'a.html')
  writeFileSync(saved, JSON.stringify({ status: 'ok', data: result }))
  const play = async (args: string[]) => {
    const told = { out: '', err: '' }
    const out = (text: string) => {
      told.out += text
    }
    const err = (text: string) => {
      told.err += text
    }
    return { code: await main(args, [], { out, err }), ...told }
  }
  try {
    const { code, out } = await play(['--from', saved, '--html', page])
    assert.is(code, 0)
    assert.match(out, `the same with plots: ${page}\n`)
    assert.is(readFileSync(page, 'utf8'), createPage(result))
    const json = await play(['--from', saved, '--json'])
    assert.equal(JSON.parse(json.out), { status: 'ok', data: result })
    const refused: [string[], RegExp][] = [
      [['--from', join(dir, 'none')], /none" cannot be read/],
      [['--from', page], /a.html" is no JSON/],
      [['--from', saved, '--simulation', saved], /a.json" has no "data.settings"/],
      [['--from', saved, '--html', join(dir, 'no', 'x.html')], /--html ".*" is in no folder/],
    ]
    for (const [args, message] of refused) {
      const { code, out, err } = await play(args)
      assert.equal([code, out], [2, ''])
      assert.match(err, message)
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test.run()
