/** The options of the bench of real agents: valid ones, and messages for others. */
import * as assert from 'uvu/assert'
import { main } from '../../bench/swarm/main.ts'
import { parse } from '../../bench/swarm/options.ts'
import { STANDARD } from '../../bench/swarm/settings.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bench: swarm options')

/** Exit code and output of the program for options that end it at once. */
const play = async (...args: string[]) => {
  const printed = { out: '', err: '' }
  const streams = {
    out: (text: string) => {
      printed.out += text
    },
    err: (text: string) => {
      printed.err += text
    },
  }
  return { code: await main(args, streams, new AbortController().signal), ...printed }
}

test('options: they become settings; a scenario changes defaults', () => {
  const { settings, isJson } = parse(
    '--agents 7 --rate 0.5 --seconds 9 --versions 1.7.2,1.18.0 --hot --json'.split(' '),
  )
  assert.equal(
    { settings, isJson },
    {
      settings: {
        ...STANDARD,
        agents: 7,
        rate: 0.5,
        seconds: 9,
        versions: ['1.7.2', '1.18.0'],
        isHot: true,
      },
      isJson: true,
    },
  )
  assert.is(parse(['--scenario', 'outage']).settings.rate, 1)
  assert.is(parse(['--scenario', 'outage', '--rate', '3']).settings.rate, 3)
})

test('loads: each has its agents, its rate and its time', () => {
  const { loads } = parse('--loads 5@1,20@0.5:120 --seconds 9 --runs 3 --built'.split(' '))
  const common = { ...STANDARD, runs: 3, isBuilt: true }
  assert.equal(loads, [
    { ...common, agents: 5, rate: 1, seconds: 9 },
    { ...common, agents: 20, rate: 0.5, seconds: 120 },
  ])
  assert.is(parse([]).loads, undefined)
})

const invalid: [words: string, quoted: string][] = [
  ['--agents 1', '--agents "1"'],
  ['--agents five', '--agents "five"'],
  ['--rate 0', '--rate "0"'],
  ['--rate -1', 'ambiguous'],
  ['--rate 1e9', '--rate "1e9"'],
  ['--rate 1001', '--rate "1001"'],
  ['--seconds 0.5', '--seconds "0.5"'],
  ['--value 0', '--value "0"'],
  ['--versions 1.18.0,newest', '--versions "newest"'],
  ['--versions ../..', '--versions "../.."'],
  ['--transport carrier', '--transport "carrier"'],
  ['--transport pilot,mailbox', '--transport "pilot,mailbox"'],
  ['--scenario nap', '--scenario "nap"'],
  ['--scenario swap --transport mailbox', '--scenario "swap"'],
  ['--scenario outage --transport mailbox', '--scenario "outage"'],
  ['--scenario outage --agents 2', '--agents "2"'],
  ['--scenario import --hot', '--scenario "import"'],
  ['--loads five', '--loads "five"'],
  ['--loads 5@1,', '--loads ""'],
  ['--loads 5@1:2:3', '--loads "5@1:2:3"'],
  ['--loads 1@5', '--loads "1"'],
  ['--loads 5@0', '--loads "0"'],
  ['--loads 5@1:0', '--loads "0"'],
  ['--loads 5@1 --agents 5', '--agents "5"'],
  ['--loads 5@1 --rate 7', '--rate "7"'],
  ['--loads 5@1 --scenario import', '--scenario "import"'],
  ['--interval soon', '--interval "soon"'],
  ['--fanout 0', '--fanout "0"'],
  ['--runs 99', '--runs "99"'],
  ['--swift', '--swift'],
  ['swift', 'swift'],
]

for (const [words, quoted] of invalid) {
  test(`options: ${words} exits with 2, a reason and a hint`, async () => {
    const { code, out, err } = await play(...words.split(' '))
    assert.equal({ code, out }, { code: 2, out: '' })
    assert.ok(err.startsWith('bench:swarm: ') && err.includes(quoted), err)
    assert.match(err, /\nhint: /)
    const json = await play(...words.split(' '), '--json')
    assert.is(JSON.parse(json.err).code, 'invalid_argument')
  })
}

test('options: the help names each of them', async () => {
  const { code, out } = await play('--help')
  assert.is(code, 0)
  for (const {
    groups,
  } of 'agents rate seconds loads value hot transport versions settle idle runs interval fanout built scenario outage swaps entries entry-bytes json help'.matchAll(
    /(?<name>\S+)/g,
  )) {
    assert.ok(out.includes(`--${groups!.name}`), groups!.name)
  }
})

test.run()
