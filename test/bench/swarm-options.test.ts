/** The command line of the bench of a swarm: what its options may be, and what it says of others. */
import * as assert from 'uvu/assert'
import { main } from '../../bench/swarm/main.ts'
import { parseOptions } from '../../bench/swarm/options.ts'
import { STANDARD } from '../../bench/swarm/settings.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('bench of a swarm, its options')

/** Exit code and output of the program for options that end it at once. */
const play = async (...args: string[]) => {
  const told = { out: '', err: '' }
  const streams = {
    out: (text: string) => {
      told.out += text
    },
    err: (text: string) => {
      told.err += text
    },
  }
  return { code: await main(args, streams, new AbortController().signal), ...told }
}

test('options: those of the issue, and defaults that a scenario changes', () => {
  const { settings, isJson } = parseOptions(
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
  assert.is(parseOptions(['--scenario', 'outage']).settings.rate, 1)
  assert.is(parseOptions(['--scenario', 'outage', '--rate', '3']).settings.rate, 3)
})

test('options: of several loads each has its agents, its rate and its time', () => {
  const { loads } = parseOptions('--loads 5@1,20@0.5:120 --seconds 9 --runs 3 --built'.split(' '))
  const common = { ...STANDARD, runs: 3, isBuilt: true }
  assert.equal(loads, [
    { ...common, agents: 5, rate: 1, seconds: 9 },
    { ...common, agents: 20, rate: 0.5, seconds: 120 },
  ])
  assert.is(parseOptions([]).loads, undefined)
})

const unusable: [words: string, quoted: string][] = [
  ['--agents 1', '--agents "1"'],
  ['--agents five', '--agents "five"'],
  ['--rate 0', '--rate "0"'],
  ['--rate -1', 'ambiguous'],
  ['--rate 1e9', '--rate "1e9"'],
  ['--rate 1001', '--rate "1001"'],
  ['--seconds 0.5', '--seconds "0.5"'],
  ['--value 0', '--value "0"'],
  ['--versions 1.18.0,newest', '--versions "1.18.0,newest"'],
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

for (const [words, quoted] of unusable) {
  test(`options: ${words} ends with 2, says why, and what to do`, async () => {
    const { code, out, err } = await play(...words.split(' '))
    assert.equal({ code, out }, { code: 2, out: '' })
    assert.ok(err.startsWith('bench:swarm: ') && err.includes(quoted), err)
    assert.match(err, /\nhint: /)
    const json = await play(...words.split(' '), '--json')
    assert.is(JSON.parse(json.err).code, 'invalid_argument')
  })
}

test('options: help names each of them', async () => {
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
