/** The command `secret`, and agents of the command line that seal their messages. */
import { chmodSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { dataOf, failureOf, inProcess } from '../helpers/cli.ts'
import { createHome } from '../helpers/home.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('cli secret')

const { env, folder, startAgent, tell, close } = createHome()
const mailbox = folder('mailbox')

test.after(close)

const run = (...args: string[]) => inProcess(args, { env })
const fileOf = (name: string): string => folder(`${name}.secret`)
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trim().split('\n')

const start = (name: string, ...more: string[]) =>
  startAgent([
    ...['run', '--swarm', 'kv', '--mailbox', mailbox, '--data', folder(name)],
    ...['--interval', '300ms', ...more],
  ])

const statusOf = async (name: string) => dataOf(await tell(name, 'status', '--json'))

test('secret new: prints one, or writes it to a file of its own', async () => {
  const [one, other] = [await run('secret', 'new'), await run('secret', 'new')]
  assert.match(one.stdout, /^pgs_[\w-]{43}\n$/)
  assert.is.not(one.stdout, other.stdout)
  const { secret } = dataOf(await run('secret', 'new', '--json'))
  assert.match(secret as string, /^pgs_[\w-]{43}$/)
  const path = fileOf('new')
  assert.equal(dataOf(await run('secret', 'new', path, '--json')), { file: path, secrets: 1 })
  assert.is(statSync(path).mode & 0o777, 0o600)
  assert.is(linesOf(path).length, 1)
  const { code, message } = failureOf(await run('secret', 'new', path, '--json'))
  assert.is(code, 'already_exists')
  assert.match(message as string, /new\.secret" exists already/)
})

test('secret rotate and finish: keep the former one in between', async () => {
  const path = fileOf('changed')
  await run('secret', 'new', path)
  const [first] = linesOf(path)
  assert.equal(dataOf(await run('secret', 'rotate', path, '--json')), { file: path, secrets: 2 })
  const [second, former] = linesOf(path)
  assert.is(former, first)
  assert.is.not(second, first)
  assert.is(statSync(path).mode & 0o777, 0o600)
  assert.is(failureOf(await run('secret', 'rotate', path, '--json')).code, 'invalid_argument')
  assert.equal(linesOf(path), [second, former], 'a refused change changes nothing')
  for (let i = 0; i < 2; i++)
    assert.equal(dataOf(await run('secret', 'finish', path, '--json')), { file: path, secrets: 1 })
  assert.equal(linesOf(path), [second])
  assert.equal(
    readdirSync(join(path, '..')).filter((name) => name.includes('.secret.')),
    [],
  )
})

test('secret: what is missing or readable by others is misuse or a failure, and says what to do', async () => {
  assert.is((await run('secret')).code, 2)
  assert.is((await run('secret', 'rotate')).code, 2)
  assert.is((await run('secret', 'steal', 'x')).code, 2)
  const none = failureOf(await run('secret', 'rotate', fileOf('none'), '--json'))
  assert.is(none.code, 'not_found')
  assert.match(none.hint as string, /secret new/)
  const path = fileOf('open')
  await run('secret', 'new', path)
  chmodSync(path, 0o644)
  const open = failureOf(await run('secret', 'rotate', path, '--json'))
  assert.is(open.code, 'permission_denied')
  assert.match(open.hint as string, /chmod 600/)
  const refused = await run('run', '--swarm', 'kv', '--mailbox', mailbox, '--secret-file', path)
  assert.is(refused.code, 1)
  assert.match(refused.stderr, /can be read by other users/)
  assert.not.ok(existsSync(join(mailbox, 'a')))
})

test('run --secret-file: agents share a map, and one without the secret has no part in it', async () => {
  const path = fileOf('kv')
  await run('secret', 'new', path)
  const a = await start('a', '--secret-file', path)
  assert.is(JSON.parse(a.stdout()).data.isSealed, true)
  await start('b', '--secret-file', path)
  const stranger = await start('stranger')
  assert.is(JSON.parse(stranger.stdout()).data.isSealed, false)
  await tell('a', 'set', 'k', 'of a')
  await tell('stranger', 'set', 's', 'of a stranger')
  await until('b to have it', async () => (await tell('b', 'get', 'k')).stdout === 'of a\n')
  await until('the stranger to be refused', async () => {
    const { secret } = await statusOf('a')
    return (secret as { refused: { unsealed: number } }).refused.unsealed > 1
  })
  assert.is((await tell('a', 'get', 's')).code, 1)
  assert.is((await tell('stranger', 'get', 'k')).code, 1)
  assert.match((await tell('a', 'status')).stdout, /^secret {4}all messages are sealed$/m)
  assert.match((await tell('stranger', 'status')).stdout, /^secret {4}none: whoever can send/m)
  const [secret] = linesOf(path)
  for (const name of ['a', 'b'])
    for (const file of readdirSync(folder(name)))
      assert.not.ok(
        statSync(join(folder(name), file)).isFile() &&
          readFileSync(join(folder(name), file), 'utf8').includes(secret!),
        `${file} holds the secret`,
      )
})

test('PILOT_GOSSIP_SECRET: stands in for the file, and a bad one is never shown', async () => {
  const bad = 'too short'
  const { code, stderr } = await inProcess(
    ['run', '--swarm', 'kv', '--mailbox', mailbox, '--data', folder('env')],
    { env: { ...env, PILOT_GOSSIP_SECRET: bad } },
  )
  assert.is(code, 2)
  assert.match(stderr, /PILOT_GOSSIP_SECRET contains white space/)
  assert.not.match(stderr, /too short/)
})

test.run()
