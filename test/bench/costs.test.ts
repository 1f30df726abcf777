/** The bench of costs: its answers are checked, its exponents are right, and its page says what is missed. */
import * as assert from 'uvu/assert'
import { exponentOf } from '../../bench/costs/fit.ts'
import type { GrowthRow } from '../../bench/costs/growth.ts'
import { main } from '../../bench/costs/main.ts'
import { runRanges } from '../../bench/costs/ranges.ts'
import { costsText } from '../../bench/costs/text.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bench costs')

const SIZES = [100, 1_000, 10_000]

const runMain = async (...args: string[]) => {
  let [out, err] = ['', '']
  const code = await main(args, {
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
  })
  return { code, out, err }
}

test('fitted exponents show growth', () => {
  const grows = (power: number) => SIZES.map((size) => [size, 3 * size ** power] as const)
  for (const power of [0, 0.5, 1, 2]) assert.ok(Math.abs(exponentOf(grows(power)) - power) < 1e-9)
})

test('no exponent is drawn through two points', () => {
  assert.throws(
    () =>
      exponentOf([
        [1, 1],
        [10, 10],
      ]),
    /2 points: at least 3/,
  )
})

test('a quick run measures growth and profiles, and checks the answers', async () => {
  const { code, out, err } = await runMain('--quick', '--only', 'growth,profiles', '--json')
  assert.is(err, '')
  assert.is(code, 0)
  const { data } = JSON.parse(out)
  assert.equal(data.sections, ['growth', 'profiles'])
  const series = [...new Set(data.growth.map((row: GrowthRow) => row.series))]
  assert.is(series.length, 5)
  assert.is(data.growth.length, 3 * series.length)
  for (const { parts } of data.profiles) {
    const sum = parts.reduce((all: number, { share }: { share: number }) => all + share, 0)
    assert.ok(Math.abs(sum - 1) < 1e-6)
    assert.ok(parts.some(({ part }: { part: string }) => part === 'Yjs'))
  }
})

test('ranges find one write among past writers in a few hundred bytes', () => {
  for (const { messages, bytes } of runRanges([70, 700, 7_000])) {
    assert.ok(messages <= 5, `${messages} messages`)
    assert.ok(bytes <= 1_000, `${bytes} bytes`)
  }
})

test('an unknown section is misuse', async () => {
  const { code, out, err } = await runMain('--only', 'growht')
  assert.is(code, 2)
  assert.is(out, '')
  assert.match(err, /"growht" is not one of growth/)
})

test('the page tells what is met and what is missed', () => {
  const spread = (median: number) => ({ median, min: median, max: median })
  const rowsOf = (series: string, power: number): GrowthRow[] =>
    SIZES.map((size) => ({
      series,
      size,
      us: spread(size ** power),
      yjsUs: spread(1),
    }))
  const text = costsText({
    date: '2026-01-02T03:04:05.000Z',
    machine: {
      cpu: 'a',
      cores: 2,
      platform: 'b',
      node: '1',
      yjs: '2',
      lib0: '3',
      load: 0,
    },
    settings: { runs: 3, divisor: 1 },
    sections: ['growth', 'ranges'],
    growth: [...rowsOf('keys', 0), ...rowsOf('writers', 0.5)],
    ranges: [{ writers: 1_000, messages: 3, bytes: 2_000, vectorBytes: 6_000 }],
  })
  assert.match(text, /more keys: exponent \| <= 0.10 \| 0.00 \| met/)
  assert.match(text, /more writers: exponent \| <= 0.10 \| 0.50 \| \*\*missed\*\*/)
  assert.match(text, /1,000 past writers: bytes \| <= 1,000 \| 2,000 \| \*\*missed\*\*/)
  assert.match(text, /Measured on 2026-01-02/)
})

test.run()
