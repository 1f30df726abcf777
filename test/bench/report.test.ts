/**
 * The generated pages and their plots, from results made up here and from those that are kept. Plots
 * are checked as text: everything is there and inside. How they look is not tested.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { ENGINES as ALL } from '../../bench/engines/index.ts'
import { PLOTS, renderPages, replacePart } from '../../bench/report/pages.ts'
import { createPart, PART_NAMES, repeatSwarm, swarmText } from '../../bench/report/parts.ts'
import { drawPlot, escapeText, type Plot, stylesOf } from '../../bench/report/plot.ts'
import { createPlots } from '../../bench/report/plots.ts'
import { keepResult, kindOf, type Results, readResults } from '../../bench/report/results.ts'
import { createScale } from '../../bench/report/scale.ts'
import { loadRows, TARGET_KEYS, targetRows } from '../../bench/report/targets.ts'
import { toLine } from '../../bench/runner/result.ts'
import { showBytes, showShare, showUs } from '../../bench/runner/table.ts'
import type { Plans } from '../../bench/simulate/compare.ts'
import { STANDARD } from '../../bench/simulate/settings.ts'
import type { Result as Simulation } from '../../bench/simulate/simulate.ts'
import { parse } from '../../bench/swarm/options.ts'
import type { Run, SwarmBench } from '../../bench/swarm/result.ts'
import type { BenchResult } from '../../bench/workloads/bench.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { benchOf, FINE } from './fine-run.ts'

const test = suite('bench: report')

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RESULTS = join(ROOT, 'bench/results')

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
  // In JSON, null is a share that was never reached.
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
    leftOutByDigest: 0.0025,
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

const lagOf = (p50: number, p99: number): Run => ({
  ...FINE,
  lag: { ...FINE.lag, each: { count: 9, p50, p99, max: p99 } },
})

const loads: readonly SwarmBench[] = [
  benchOf({ agents: 5, rate: 20 }, [lagOf(900, 3_001)]),
  benchOf({ agents: 5, rate: 1 }, [lagOf(400, 800), lagOf(501, 900), lagOf(502, 1_501)]),
  benchOf({ agents: 20, rate: 50, seconds: 120 }, [
    {
      ...lagOf(4_000, 90_000),
      traffic: { ...FINE.traffic, perWrite: 12.3, redundantShare: 0.25, failedShare: 0.021 },
      equal: { isEqual: false, seconds: null },
      writes: { ...FINE.writes, lost: 2 },
    },
  ]),
]

const performanceOf = (results: Results): string => createPart('performance', results, 'plots')

test('scales: a logarithmic one begins and ends at 1, 2 or 5, and labels powers of ten', () => {
  const scale = createScale(true, [120, 34_000], [0, 100])
  assert.equal(scale.ticks, [100, 1_000, 10_000])
  assert.is(scale.place(100), 0)
  assert.ok(Math.abs(scale.place(50_000) - 100) < 1e-9)
  assert.equal(createScale(true, [300, 400], [0, 100]).ticks, [200, 500, 1_000, 2_000])
  assert.ok(createScale(true, [100], [0, 100]).place(100) < 100, 'a single value has a place')
})

test('scales: a linear one begins at 0 and has few ticks', () => {
  const ticks = (values: number[]) => createScale(false, values, [0, 100]).ticks
  assert.equal(ticks([0.58]), [0, 0.2, 0.4, 0.6])
  assert.equal(ticks([1]), [0, 0.2, 0.4, 0.6, 0.8, 1])
  assert.is(ticks([0])[0], 0)
})

test('numbers: they have three digits and a unit', () => {
  assert.equal([7.4, 331_000, 999_700, 0].map(showBytes), ['7.4 B', '331 kB', '1 MB', '0'])
  const times = ['250 ns', '166 \u00b5s', '60.8 ms', '3.17 s']
  assert.equal([0.25, 166, 60_761, 3.17e6].map(showUs), times)
  assert.is(showShare(0.0025), '0.25 %')
})

test('styles: no two engines look alike; a family shares a colour, ours has the first', () => {
  const names = ALL.map(({ name }) => name)
  const styles = stylesOf(names)
  const looks = names.map((name) => styles.get(name)!)
  assert.is(new Set(looks.map(({ colour, dashes }) => `${colour} ${dashes}`)).size, names.length)
  assert.is(styles.get('yjs-v1')!.colour, styles.get('yjs-v2')!.colour)
  assert.equal(
    names.filter((name) => styles.get(name)!.isOurs),
    ['pilot-gossip', 'pilot-gossip hot'],
  )
})

/** Throws if an element is not closed, or closed twice. */
const checkTags = (markup: string): void => {
  const open: string[] = []
  for (const [, end, name = '', empty] of markup.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (empty === '/') continue
    if (end === '') open.push(name)
    else assert.is(open.pop(), name)
  }
  assert.equal(open, [])
}

const checkInside = (svg: string): void => {
  for (const [, axis, value] of svg.matchAll(/ c?([xy])[12]?="(-?[\d.]+)"/g)) {
    assert.ok(Number(value) >= 0 && Number(value) <= (axis === 'x' ? 580 : 330), `${axis} ${value}`)
  }
}

test('plots: each names its series, its axes and its logarithms, and stays inside', () => {
  const plots = createPlots({ result, simulation, swarm: { loads } })
  assert.equal(
    plots.map(({ id }) => id),
    [
      'time-whole-into-empty',
      'time-delta-of-1-key',
      'bytes-delta-of-1-key',
      'overwrites-bytes',
      'reached-20',
      'swarm-lag',
    ],
  )
  for (const plot of plots) {
    const svg = drawPlot(plot)
    checkTags(svg)
    checkInside(svg)
    assert.not.match(svg, /NaN|Infinity|undefined|null/, plot.id)
    for (const { name } of plot.series) assert.ok(svg.includes(`>${escapeText(name)}</text>`), name)
  }
  const [time] = plots.map(drawPlot)
  assert.match(time!, '>keys in the map (log scale)<')
  assert.match(time!, '>time of one merge (log scale)<')
  assert.match(time!, 'prefers-color-scheme:dark')
})

test('plots: names beside lines do not overlap, however close the lines end', () => {
  const series = Array.from({ length: 13 }, (_, at) => ({
    name: `engine-${at}`,
    points: [
      { x: 1, y: 5 },
      { x: 2, y: 5 + at / 1_000 },
    ],
  }))
  const axis = { title: 'a', show: String, isLog: false }
  const plot: Plot = { id: 'a', title: 'a', x: axis, y: axis, series }
  const heights = [...drawPlot(plot).matchAll(/y="([\d.]+)">engine-\d+<\/text>/g)]
    .map(([, y]) => Number(y))
    .sort((a, b) => a - b)
  assert.is(heights.length, series.length)
  heights.slice(1).forEach((height, at) => {
    assert.ok(height - heights[at]! >= 14, `${heights}`)
  })
})

test('plots: the lag is drawn for the number of agents with the most rates', () => {
  const [plot] = createPlots({
    result: { ...result, merges: [], overwrites: [] },
    swarm: { loads },
  })
  assert.match(plot!.title, '5 real agents')
  assert.equal(
    plot!.series.map(({ name, points }) => [name, points.map(({ x, y }) => [x, y])]),
    [
      [
        'p50',
        [
          [1, 501_000],
          [20, 900_000],
        ],
      ],
      [
        'p99',
        [
          [1, 900_000],
          [20, 3_001_000],
        ],
      ],
    ],
  )
  const whiskers = drawPlot(plot!).matchAll(/class="whisker"/g)
  assert.is([...whiskers].length, 2, 'of the load with several runs')
})

test('performance: every engine, the machine, the date and the commands are in it', () => {
  const text = performanceOf({ result, simulation })
  assert.is(performanceOf(structuredClone({ result, simulation })), text, 'the same each time')
  for (const part of ['A processor, 2 cores', '2026-01-02', 'load 0.5', 'npm run', '10,000 keys'])
    assert.match(text, part)
  for (const name of ENGINES) {
    assert.match(text, `\n| ${name} | `)
    assert.match(text, `what ${name} is`)
  }
  assert.match(text, '| yjs-v2 | 2 of 80; nodes differ on 2 |')
  assert.equal(
    [...text.matchAll(/<img src="([^"]+)"/g)].map(([, path]) => path),
    createPlots({ result, simulation }).map(({ id }) => `plots/${id}.svg`),
  )
  assert.not.match(text, /real agents|swarm\.json|swarm-lag/i)
})

test('performance: with real agents it has their table, plot, targets and command', () => {
  const text = performanceOf({ result, swarm: { loads } })
  for (const part of [swarmText(loads), repeatSwarm(loads), 'plots/swarm-lag.svg'])
    assert.ok(text.includes(part), part)
  assert.match(text, '| 5 agents at 1/s: lag p50 | <= 500 ms | 501 ms | **missed** |')
  assert.match(text, 'npm run bench:readme bench.json simulation.json swarm.json\n')
})

test('performance: sections that were not run are left out', () => {
  const { merges, lostWrites: _, overwrites: __, ...none } = result
  assert.equal(createPlots({ result: none }), [])
  assert.match(performanceOf({ result: none }), 'Merges measured on')
  assert.is(createPart('overwrites', { result: none }, ''), '')
  assert.is(createPart('summary', { result: none }, ''), '')
  const one = merges!.filter(({ workload }) => workload === 'delta of 1 key')
  const text = performanceOf({ result: { ...none, merges: one } })
  assert.match(text, 'one key changed')
  assert.not.match(text, 'whole state: message')
})

test('findings: a sentence for each kind of figure, and none for what was not measured', () => {
  const text = createPart('findings', { result, swarm: { loads } }, '')
  assert.match(text, "the seed's rule loses 0 % of the keys, pilot-gossip 3.75 %")
  assert.match(text, 'Among 5 real agents at 20 writes a second')
  const { merges: _, lostWrites: __, ...none } = result
  assert.not.match(createPart('findings', { result: none }, ''), /\w/)
})

test('crdt-benchmarks: a column for each engine, a row for each figure', () => {
  const row = { id: 'B1.1', about: 'append N characters', n: 6_000, samples: 3, ratio: 1 }
  const sizes = { updateBytes: 12, docBytes: 6_000, us: spread(500), encodeUs: 3, parseUs: 4 }
  const sequences = ['yjs-v1', 'loro'].map((engine) => ({ ...row, ...sizes, engine }))
  const text = performanceOf({ result: { ...result, sequences } })
  assert.match(text, '| N = 6,000 | yjs-v1 | loro |')
  assert.match(text, '| [B1.1] append N characters (updateSize) | 12 B | 12 B |')
  assert.match(
    text,
    '| [B1.1] append N characters (time) | 500 \u00b5s (450 \u00b5s–600 \u00b5s) |',
  )
})

test('real agents: a row for each load, from medians; never if replicas were not equal', () => {
  const text = swarmText(loads)
  assert.match(text, '\n| 5 | 1 | 501 | 900 | 1.5 | 0 | 0 % | 0 % | 4 |\n')
  assert.match(text, '\n| 20 | 50 | 4,000 | 90,000 | never | 12.3 | 25 % | 2.1 % | 4 |\n')
  assert.match(text, 'Each load for 30 s, 20 at 50/s for 120 s; one run.')
  assert.match(text, '2026-01-03: A, 2 cores, p; node 20, yjs 13, lib0 0; load 0.5 before')
})

test('real agents: the command measures the same loads again', () => {
  const odd = benchOf({
    transport: 'mailbox',
    valueBytes: 9,
    isHot: true,
    isBuilt: true,
    fanout: 2,
  })
  const versions = benchOf({ versions: ['1.7.2', '1.18.0'], interval: '2s', settleSeconds: 9 })
  for (const all of [loads, [odd], [versions], readResults(RESULTS).swarm!.loads]) {
    const [command, ...words] = repeatSwarm(all).split(' -- ')
    assert.is(command, 'npm run -s bench:swarm')
    const args = words.join(' ').replace(' > swarm.json', '').split(' ')
    const [{ runs }] = all.map(({ settings }) => settings) as [SwarmBench['settings']]
    const { loads: again, isJson } = parse(args)
    assert.equal(
      again,
      all.map(({ settings }) => ({ ...settings, runs })),
    )
    assert.ok(isJson)
  }
})

/** Rows of the table of targets, by name. */
const targetsOf = (merges: NonNullable<BenchResult['merges']>, beside?: Simulation) =>
  new Map(
    targetRows({ result: { ...result, merges }, simulation: beside }).map(([name, ...row]) => [
      name,
      row,
    ]),
  )

test('targets: merges meet one, miss it, or were not measured', () => {
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
    // Of another size and of another engine: neither counts.
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
  assert.is(rows.get('updates of one key: checked and merged per second')![2], '**missed**')
  assert.is(rows.get('one key changed: bytes of the message')![2], '**missed**')
  for (const start of ['nothing new, the whole', 'updates of 100 keys']) {
    const [, row] = [...rows].find(([name]) => name.startsWith(start))!
    assert.is(row[2], 'not measured')
  }
})

test('targets: of the simulation each missed one, and the closest of the met ones', () => {
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

test('targets: real agents meet one, miss it, never reach it, or were not measured', () => {
  const rows = new Map(loadRows(loads).map(([name, ...row]) => [name, row]))
  const expected: [name: string, row: string[]][] = [
    ['5 agents at 1/s: lag p50', ['<= 500 ms', '501 ms', '**missed**']],
    ['5 agents at 1/s: lag p99', ['<= 1,500 ms', '900 ms', 'met']],
    ['5 agents at 1/s: equal after the end', ['<= 2 s', '1.5 s', 'met']],
    ['5 agents at 1/s: redundant', ['<= 20 %', '0 %', 'met']],
    ['5 agents at 5/s: lag p50', ['<= 700 ms', '-', 'not measured']],
    ['5 agents at 20/s: lag p99', ['<= 3,000 ms', '3,001 ms', '**missed**']],
    ['5 agents at 20/s: acknowledged after, p99', ['<= 50 ms', '4 ms', 'met']],
    ['5 agents at 60/s: lag p50', ['<= 1,500 ms', '-', 'not measured']],
    ['10 agents at 20/s: lag p50', ['<= 2,000 ms', '-', 'not measured']],
    ['20 agents at 50/s: lag p50', ['<= 5,000 ms', '4,000 ms', 'met']],
    ['20 agents at 50/s: failed sends', ['<= 2 %', '2.1 %', '**missed**']],
    ['20 agents at 50/s: equal after the end', ['<= 10 s', 'never', '**missed**']],
    ['all agents, all runs: acknowledged and lost', ['<= 0', '2', '**missed**']],
  ]
  for (const [name, row] of expected) assert.equal(rows.get(name), row, name)
})

test('targets: a write that one run of three lost is missed, though the median lost none', () => {
  const lost = { ...FINE, writes: { ...FINE.writes, lost: 1 } }
  const lastOf = (runs: Run[]) =>
    loadRows([benchOf({}, runs)])
      .at(-1)!
      .slice(2)
  assert.equal(lastOf([FINE, lost, FINE]), ['1', '**missed**'])
  assert.equal(lastOf([FINE, FINE, FINE]), ['0', 'met'])
})

const compared: Plans = {
  seed: 1,
  latency: [10, 50],
  size: 20,
  plans: (['fanout', 'tree'] as const).map((plan, i) => ({
    nodes: 1_000,
    condition: 'calm',
    plan,
    p50: 200 + i,
    p99: i === 0 ? 300 : null,
    leftOut: 0.01 * i,
    messages: 4 - i,
    bytes: 1_200,
  })),
}

test('plans: the part shows both ways to spread a change side by side', () => {
  const text = createPart('plans', { result, plans: compared }, '')
  assert.match(
    text,
    '| calm | 1,000 | 200 | 201 | 300 | never | 0 % | 1 % | 4 | 3 | 1,200 | 1,200 |',
  )
  assert.is(createPart('plans', { result }, ''), '')
})

test('overwrites: the part shows the most overwrites', () => {
  const text = createPart('overwrites', { result }, '')
  assert.match(text, '| 100 keys x 1,000 overwrites, 7 kB alive | structs in memory | bytes |')
  assert.match(text, '| plain, one writer | 100,000 | 1 MB |')
  assert.not.match(text, '| 100 |')
})

test('summary: the part has a few figures of each program', () => {
  const text = createPart('summary', { result, simulation, swarm: { loads } }, '')
  for (const row of [
    '| 5 agents over real daemons, 20 writes a second: lag of a write, median | 900 ms |',
    '| the same, 99th percentile | 3,001 ms |',
    '| 1,000 simulated nodes, 10 % of the messages lost: 99 % have a write after | 650 ms |',
    '| one of 10,000 keys changed: length of the message | 40 kB |',
    '| nothing changed: time to find that out | 40 ms |',
  ])
    assert.ok(text.includes(row), row)
})

const pageOf = (name: string, part = 'old\n'): string =>
  `before\n<!-- ${name}: what follows is written by \`npm run bench:readme\` -->\n${part}<!-- ${name}: end -->\nafter\n`

test('pages: a part is replaced between its markers, which must stand once and in order', async () => {
  for (const name of PART_NAMES) {
    const page = pageOf(name)
    assert.is(replacePart('a.md', page, name, 'new\n'), pageOf(name, 'new\n'))
    assert.is(replacePart('a.md', 'none', name, 'new\n'), 'none')
    for (const broken of [
      page + page,
      page.replace(/<.*end -->/, ''),
      page.replace(/<.*-->\n/, ''),
    ])
      await rejects(
        () => replacePart('a.md', broken, name, ''),
        /invalid_argument a.md has the markers/,
      )
  }
})

test('pages: each part goes where its markers are, with paths from there to the plots', () =>
  inFolder(async (root) => {
    const results = { result, simulation }
    mkdirSync(join(root, 'docs/more'), { recursive: true })
    writeFileSync(join(root, 'README.md'), pageOf('summary'))
    await rejects(() => renderPages(root, results), /no page has the markers of "performance"/)
    writeFileSync(join(root, 'docs/performance.md'), pageOf('performance'))
    writeFileSync(join(root, 'docs/more/a.md'), pageOf('performance'))
    writeFileSync(join(root, 'docs/b.md'), 'without')
    const pages = renderPages(root, results)
    assert.equal(
      pages.map(({ path, parts }) => [path, ...parts]),
      [
        ['README.md', 'summary'],
        ['docs/more/a.md', 'performance'],
        ['docs/performance.md', 'performance'],
      ],
    )
    assert.match(pages[1]!.text, '<img src="../../bench/plots/time-')
    assert.match(pages[2]!.text, '<img src="../bench/plots/time-')
    const one = renderPages(root, results, 'docs/performance.md')
    assert.equal(
      one.map(({ path }) => path),
      ['README.md', 'docs/performance.md'],
    )
    await rejects(() => renderPages(root, results, 'docs/b.md'), /docs\/b.md has the markers/)
  }))

test('pages: parts and plots are those of the kept results', () => {
  const hint = 'run `npm run bench:readme`'
  const results = readResults(RESULTS)
  for (const { path, text } of renderPages(ROOT, results))
    assert.is(readFileSync(join(ROOT, path), 'utf8'), text, hint)
  const plots = createPlots(results)
  const names = plots.map(({ id }) => `${id}.svg`)
  assert.equal(readdirSync(join(ROOT, PLOTS)).sort(), [...names].sort(), hint)
  for (const plot of plots)
    assert.is(readFileSync(join(ROOT, PLOTS, `${plot.id}.svg`), 'utf8'), drawPlot(plot), hint)
})

test('results: a file is recognised by its fields, kept, and read again; others are refused', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'a.json')
    const kept = { bench: result, simulation, swarm: { loads }, plans: compared }
    for (const [kind, data] of Object.entries(kept)) {
      writeFileSync(path, toLine(data))
      assert.is(kindOf(path), kind)
      keepResult(path, dir)
    }
    assert.equal(readResults(dir), {
      result,
      simulation,
      swarm: JSON.parse(toLine({ loads })).data,
      plans: compared,
      side: undefined,
      costs: undefined,
    })
    const refused: [text: string, message: RegExp][] = [
      ['', /a.json" is not JSON/],
      ['{}', /a.json" has no "data"/],
      [toLine(loads[0]), /a.json" is not a result of the bench/],
      [toLine({ loads: [] }), /a.json" is not a result of the bench/],
      [toLine({ machine: 1 }), /a.json" is not a result of the bench/],
    ]
    for (const [text, message] of refused) {
      writeFileSync(path, text)
      await rejects(() => kindOf(path), message)
    }
    await rejects(() => kindOf(join(dir, 'none')), /none" cannot be read/)
  }))

test.run()
