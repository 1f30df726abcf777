/** Who may write, on the command line: agents in processes of their own, over a mailbox folder. */
import * as assert from 'uvu/assert'
import { dataOf, failureOf } from '../helpers/cli.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli access')

const { folder, startAgent, tell, close } = createHome()
const mailbox = folder('mailbox')
test.after(close)

const start = (name: string, ...options: string[]) =>
  startAgent([
    ...['run', '--swarm', 'kv', '--data', folder(name), '--mailbox', mailbox, '--name', name],
    ...['--interval', '100ms', ...options],
  ])

const has = async (name: string, key: string): Promise<boolean> =>
  dataOf(await tell(name, 'has', key, '--json')).has === true

const rejectedBy = async (name: string, reason: string): Promise<number> => {
  const { counters } = dataOf(await tell(name, 'status', '--json')) as {
    counters: { rejected: Record<string, number> }
  }
  return counters.rejected[reason] ?? 0
}

test('run: --accept listed, --read-only-peer, --ban and --read-only', async () => {
  const readers = ['--read-only-peer', 'r', '--read-only-peer', 's']
  await start('a', '--accept', 'listed', '--peer', 'b', ...readers, '--ban', 'm')
  await start('b', '--accept', 'listed', '--peer', 'a', '--ban', 'm')
  await start('r', '--peer', 'a', '--peer', 'b', '--accept', 'listed')
  await start('m', '--peer', 'a', '--peer', 'b')
  await start('s', '--peer', 'a', '--accept', 'listed', '--read-only')
  await tell('a', 'set', 'of-a', '1')
  await tell('b', 'set', 'of-b', '1')
  for (const name of ['r', 'm']) await tell(name, 'set', `of-${name}`, '1')
  await until(
    'what a and b wrote',
    async () => (await has('a', 'of-b')) && (await has('b', 'of-a')),
  )
  await until('what r reads', async () => (await has('r', 'of-a')) && (await has('r', 'of-b')))
  for (const [name, reason] of [
    ['a', 'banned'],
    ['a', 'read_only'],
    ['b', 'not_accepted'],
  ] as const)
    await until(`a count of ${reason}`, async () => (await rejectedBy(name, reason)) > 0)
  for (const name of ['a', 'b'])
    for (const key of ['of-r', 'of-m']) assert.not.ok(await has(name, key), `${name}: ${key}`)
  assert.not.ok(await has('m', 'of-a'))
  const peers = await tell('a', 'peers')
  assert.match(peers.stdout, /^r +.*read-only/m)
  assert.match(peers.stdout, /^m: banned$/m)
  assert.equal(dataOf(await tell('a', 'peers', '--json')).banned, ['m'])
  await until('what s reads', () => has('s', 'of-a'))
  for (const line of [
    ['set', 'k', '1'],
    ['increment', 'n'],
    ['append', 'l', '1'],
    ['delete', 'of-a'],
  ]) {
    const failure = failureOf(await tell('s', ...line, '--json'))
    assert.is(failure.code, 'permission_denied', line.join(' '))
  }
  assert.match((await tell('s', 'status')).stdout, /^writes +nothing/m)
})

test.run()
