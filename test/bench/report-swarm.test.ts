/** What the README says of real agents: from loads made up here, and from those that are kept. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { toFile } from '../../bench/report/plot/picture.ts'
import { createSection } from '../../bench/report/readme-section.ts'
import { readResult, readSwarm } from '../../bench/report/saved.ts'
import { createSwarmFigures } from '../../bench/report/swarm-figures.ts'
import { repeatSwarm, swarmText } from '../../bench/report/swarm-part.ts'
import { swarmRows } from '../../bench/report/swarm-targets.ts'
import { parseOptions } from '../../bench/swarm/options.ts'
import type { Run, SwarmBench } from '../../bench/swarm/result.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { benchOf, FINE } from './fine-run.ts'

const test = suite('bench-html-swarm')

const RESULTS = fileURLToPath(new URL('../../bench/results', import.meta.url))

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

test('the table has a row for each load, from medians, and says when replicas were never equal', () => {
  const text = swarmText(loads)
  assert.match(text, '\n| 5 | 1 | 501 | 900 | 1.5 | 0 | 0 % | 0 % | 4 |\n')
  assert.match(text, '\n| 20 | 50 | 4,000 | 90,000 | never | 12.3 | 25 % | 2.1 % | 4 |\n')
  assert.match(text, 'Each load for 30 s, 20 at 50/s for 120 s; one run.')
  assert.match(text, 'Made on 2026-01-03: A, 2 cores, p; node 20, yjs 13, lib0 0; load 0.5 before')
  assert.is(swarmText([]), '')
})

test('a target is met, missed, never reached or not measured', () => {
  const rows = new Map(swarmRows(loads).map(([name = '', ...row]) => [name, row]))
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

test('a write that one run of three lost misses its target, though the median lost none', () => {
  const lost = { ...FINE, writes: { ...FINE.writes, lost: 1 } }
  assert.equal(
    swarmRows([benchOf({}, [FINE, lost, FINE])])
      .at(-1)!
      .slice(2),
    ['1', '**missed**'],
  )
  assert.equal(
    swarmRows([benchOf({}, [FINE, FINE, FINE])])
      .at(-1)!
      .slice(2),
    ['0', 'met'],
  )
})

test('the plot shows the agents that were tried at the most rates, on logarithmic axes', () => {
  const [figure, ...more] = createSwarmFigures(loads)
  assert.equal([figure!.id, more], ['swarm-lag', []])
  const svg = toFile(figure!.picture)
  for (const part of [
    '5 real agents',
    'all agents (log scale)',
    'replica (log scale)',
    'p50',
    'p99',
  ]) {
    assert.match(svg, part)
  }
  assert.match(svg, 'p50: 501 ms at 1 writes')
  assert.match(svg, 'p99: 3 s at 20 writes')
  assert.is([...svg.matchAll(/class="whisker"/g)].length, 2, 'of the load with several runs')
  assert.not.match(svg, /NaN|Infinity|undefined|null/)
  assert.is(createSwarmFigures(loads.slice(0, 1)).length, 1, 'one load is drawn too')
  assert.equal(createSwarmFigures([]), [])
})

test('the command in the README measures the same loads again', () => {
  const odd = benchOf({
    transport: 'mailbox',
    valueBytes: 9,
    isHot: true,
    isBuilt: true,
    fanout: 2,
  })
  const versions = benchOf({ versions: ['1.7.2', '1.18.0'], interval: '2s', settleSeconds: 9 })
  const kept = readSwarm(join(RESULTS, 'swarm.jsonl')).loads
  for (const all of [loads, [odd], [versions], kept]) {
    const [command, ...words] = repeatSwarm(all).split(' -- ')
    assert.is(command, 'npm run -s bench:swarm')
    const args = words.join(' ').replace(' > swarm.json', '').split(' ')
    const [{ runs }] = all.map(({ settings }) => settings) as [SwarmBench['settings']]
    const { loads: again, isJson } = parseOptions(args)
    assert.equal(
      again,
      all.map(({ settings }) => ({ ...settings, runs })),
    )
    assert.ok(isJson)
  }
})

test('without real agents the section says nothing of them, and with them it has all parts', () => {
  const result = readResult(join(RESULTS, 'bench.jsonl'))
  const before = createSection(result)
  assert.not.match(before.text, /real agents|swarm\.json|swarm-lag/i)
  const { text, pictures } = createSection(result, undefined, { loads })
  for (const part of [swarmText(loads), repeatSwarm(loads), 'bench/plots/swarm-lag.svg']) {
    assert.ok(text.includes(part), part)
  }
  assert.match(text, '| 5 agents at 1/s: lag p50 | <= 500 ms | 501 ms | **missed** |')
  assert.match(text, 'npm run bench:readme bench.json simulation.json swarm.json\n')
  assert.is(pictures.length, before.pictures.length + 1)
})

test('a file of one load, or of none, is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'pilot-gossip-bench-'))
  const path = join(dir, 'a.json')
  const refused: [data: unknown, message: RegExp][] = [
    [loads[0], /^invalid_argument ".*a.json" has no "data.loads"/],
    [{ loads: [] }, /^invalid_argument ".*a.json" has no load in "data.loads"/],
    [{ loads: 5 }, /^invalid_argument ".*a.json" has no load in "data.loads"/],
  ]
  try {
    for (const [data, message] of refused) {
      writeFileSync(path, JSON.stringify({ status: 'ok', data }))
      await rejects(() => readSwarm(path), message)
    }
    writeFileSync(path, JSON.stringify({ status: 'ok', data: { loads } }))
    assert.equal(readSwarm(path).loads, JSON.parse(readFileSync(path, 'utf8')).data.loads)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test.run()
