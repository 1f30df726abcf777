/** The bench beside other programs: its options, its tables, and one short run of our own part. */
import * as assert from 'uvu/assert'
import { sideText } from '../../bench/report/side.ts'
import { benchSide, type SideBench } from '../../bench/side/bench.ts'
import { main } from '../../bench/side/main.ts'
import { MAPS } from '../../bench/side/maps.ts'
import { PROVIDERS } from '../../bench/side/provider.ts'
import type { Section } from '../../bench/side/section.ts'
import { ratioOf, sideRows } from '../../bench/side/table.ts'
import { TYPING } from '../../bench/side/typing.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bench: side')

const signal = new AbortController().signal

/** Measures nothing; each participant takes the numbers of its list, run by run. */
const made = (figures: Readonly<Record<string, readonly number[]>>): Section => ({
  name: 'typing',
  reference: 'y-websocket',
  unit: 'clients',
  loads: [10],
  participants: Object.entries(figures).map(([name, processors]) => {
    let run = 0
    return {
      name,
      about: `what ${name} is`,
      ...(processors.length === 0 && { missing: () => 'apt-get install it' }),
      measure: async () => ({ p50: 1.5, processor: processors[run++] }),
    }
  }),
})

const benchOf = (figures: Readonly<Record<string, readonly number[]>>): Promise<SideBench> =>
  benchSide([made(figures)], { runs: 3, seconds: 1, isBuilt: false, signal })

test('ratio: the median of the ratios of the same run', async () => {
  const bench = await benchOf({ 'y-websocket': [0.1, 0.2, 0.4], bridge: [0.2, 0.2, 0.3] })
  const [section] = bench.sections
  assert.is(ratioOf(section!, 'bridge', 10, 'processor'), 1)
  assert.is(ratioOf(section!, 'bridge', 99, 'processor'), undefined)
  const [head, , bridge] = sideRows(section!)
  assert.equal(head, ['', 'clients', 'latency p50 (ms)', 'processor', 'times y-websocket'])
  assert.equal(bridge, ['bridge', '10', '1.5', '20 % (20 %–30 %)', '1 (0.75–2)'])
})

test('page: a target is met or missed; a participant that is absent says why', async () => {
  const text = sideText(
    await benchOf({ 'y-websocket': [1, 1, 1], bridge: [1.3, 1.3, 1.3], hocuspocus: [] }),
  )
  assert.match(
    text,
    '| bridge, 10 clients: processor, times y-websocket | <= 1.2 | 1.3 | **missed** |',
  )
  assert.match(text, 'Not measured: hocuspocus, apt-get install it.')
  assert.match(text, 'npm run -s bench:side -- --runs 3 --seconds 1 --json > side.json')
  assert.is(sideText(undefined), '')
})

test('options: an unknown section is quoted, and the help lists all', async () => {
  const written: string[] = []
  const streams = {
    out: (text: string) => written.push(text),
    err: (text: string) => written.push(text),
  }
  assert.is(await main(['--only', 'nothing'], streams, signal), 2)
  assert.match(written.join(''), '--only "nothing" is not one of')
  assert.is(await main(['--help'], streams, signal), 0)
  assert.match(written.join(''), 'typing')
})

test('typing: two clients of our bridge get every keystroke', async () => {
  const bridge = TYPING.participants.find(({ name }) => name === 'bridge')
  const figures = await bridge!.measure(2, { isBuilt: false, seconds: 1, signal })
  assert.ok(figures.sent! > 0 && figures.received! > 0)
})

test('provider: two processes get each keystroke over a mailbox', async () => {
  const ours = PROVIDERS.participants.find(({ name }) => name === 'provider, mailbox')
  const figures = await ours!.measure(5, { isBuilt: false, seconds: 1, signal })
  assert.ok(figures.p50! > 0)
})

test('maps: two of our agents show each write, and a killed one has lost none', async () => {
  const ours = MAPS.participants.find(({ name }) => name === 'pilot-gossip')
  const figures = await ours!.measure(5, { isBuilt: false, seconds: 1, signal })
  assert.ok(figures.p50! > 0 && figures.bulk! > 0)
  assert.is(figures.lostWriter, 0)
})

test.run()
