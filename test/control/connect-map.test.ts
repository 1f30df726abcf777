/** The map of a running agent, for other processes: over its socket, without an agent or Yjs. */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { type ConnectedMapChange, connectMap } from '../../src/connect-map.ts'
import { ControlClient } from '../../src/control/client.ts'
import { Session } from '../../src/control/session.ts'
import type { Failure } from '../../src/errors.ts'
import { closeAll, type Served, serve } from '../helpers/control.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { fails, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('connectMap')

const temporary = temporaryFolder()
let a: Served

test.before(async () => {
  a = await serve(temporary.dir, { name: 'a' })
})

test.after(async () => {
  await closeAll()
  temporary.remove()
})

test('connectMap: reads and writes like a SharedMap', async () => {
  const map = await connectMap<number | string | null | number[]>({ data: a.dir, map: 'm' })
  assert.is(await map.get('k'), undefined)
  assert.is(await map.has('k'), false)
  await map.set('k', 1)
  assert.is(await map.get('k'), 1)
  assert.is(await map.has('k'), true)
  await map.set('none', null)
  assert.is(await map.get('none'), null)
  await map.setAll([
    ['b', 'x'],
    ['a', [1, 2]],
  ])
  assert.equal(await map.keys(), ['a', 'b', 'k', 'none'])
  assert.equal(await map.entries(), [
    ['a', [1, 2]],
    ['b', 'x'],
    ['k', 1],
    ['none', null],
  ])
  assert.is(await map.append('a', 3), 3)
  assert.is(await map.increment('k', 4), 5)
  assert.is(await map.increment('k'), 6)
  assert.is(await map.update('k', (value) => Number(value) + 1), 7)
  assert.is(await map.update('k', () => undefined), undefined)
  assert.is(await map.has('k'), false)
  assert.is(await map.delete('k'), false)
  assert.is(await map.delete('b'), true)
  const other = map.sibling<number>('other', { hot: true })
  await other.set('beat', 1)
  assert.is(await other.get('beat'), 1)
  assert.equal((await map.status()).swarm, 'kv')
  map.close()
})

test('connectMap: concurrent calls are sent at once, and each gets its own answer', async () => {
  const map = await connectMap<number>({ data: a.dir, map: 'many' })
  const sums = await Promise.all(Array.from({ length: 100 }, () => map.increment('n')))
  assert.equal(
    sums.sort((x, y) => x - y),
    Array.from({ length: 100 }, (_, i) => i + 1),
  )
  const mixed = await Promise.allSettled([
    map.set('x'.repeat(100_000), 1),
    map.get('n'),
    map.get('absent'),
    map.increment('n'),
  ])
  assert.equal(
    mixed.map((one) => (one.status === 'fulfilled' ? one.value : (one.reason as Failure).code)),
    ['invalid_argument', 100, undefined, 101],
  )
  map.close()
})

test('connectMap: observe reports changes until it ends, until waits for them', async () => {
  const map = await connectMap<number>({ data: a.dir, map: 'seen' })
  const changes: ConnectedMapChange<number>[] = []
  const end = await map.observe((change) => changes.push(change))
  await map.set('k', 1)
  await map.set('k', 2)
  await map.delete('k')
  await until('three changes', () => changes.length === 3)
  assert.equal(
    changes.map(({ action, value, old }) => [action, value, old]),
    [
      ['set', 1, undefined],
      ['set', 2, 1],
      ['delete', undefined, 2],
    ],
  )
  end()
  const wait = map.until(async (seen) => (await seen.get('late')) === 3)
  for (const value of [1, 2, 3]) await map.set('late', value)
  await wait
  await map.until((seen) => seen.has('late'))
  assert.is(changes.length, 3, 'called after its end')
  const late = await fails(map.until(() => false, { timeout: 20 }))
  assert.is(late.code, 'timeout')
  const reason = new Error('enough')
  assert.is(
    await fails(map.until(() => false, { signal: AbortSignal.abort(reason) })),
    reason as unknown,
  )
  const thrown = new Error('mine')
  assert.is(
    await fails(
      map.until(() => {
        throw thrown
      }),
    ),
    thrown as unknown,
  )
  const closed = map.until(() => false)
  await until('the watch', async () => (await map.keys()).length > 0)
  map.close()
  assert.is((await fails(closed)).code, 'closed')
})

test('connectMap: a value that cannot be stored is refused, and changes nothing', async () => {
  const map = await connectMap({ data: a.dir, map: 'bad' })
  for (const value of [undefined, () => 1, Symbol('x'), 1n]) {
    const error: unknown = await map.set('k', value as never).catch((thrown) => thrown)
    assert.instance(error, TypeError, String(value))
  }
  assert.is(await map.has('k'), false)
  map.close()
  assert.is((await fails(map.get('k'))).code, 'closed')
})

test('connectMap: fails without an agent, for another swarm, without a name, for another version', async () => {
  assert.is((await fails(connectMap({ data: join(temporary.dir, 'none') }))).code, 'not_running')
  assert.is((await fails(connectMap({ data: a.dir, swarm: 'x' }))).code, 'invalid_argument')
  assert.is((await fails(connectMap({}))).code, 'invalid_argument')
  const session = new Session(a.dir)
  const failure = await fails(session.ask({ command: 'hello', protocol: 2 }))
  assert.is(failure.code, 'invalid_argument')
  assert.match(failure.message, /version 2, this agent version 1/)
  session.close()
})

test('connectMap: callers and watchers learn that the agent ended, and find it when it is back', async () => {
  let served = await serve(temporary.dir, { name: 'b' })
  const map = await connectMap<number>({ data: served.dir })
  await map.set('k', 1)
  const ends: Failure[] = []
  await map.observe(() => undefined, { onEnd: (reason) => ends.push(reason) })
  const wait = fails(map.until(() => false))
  await until('the wait', async () => (await map.get('k')) === 1)
  await served.close()
  await until('the end', () => ends.length > 0)
  assert.is(ends[0]?.code, 'not_running')
  assert.is((await wait).code, 'not_running')
  assert.is((await fails(map.get('k'))).code, 'not_running')
  served = await serve(temporary.dir, { name: 'b' })
  assert.is(await map.get('k'), 1)
  map.close()
})

test('hello: says which agent answers', async () => {
  const { protocol, swarm, pid, version } = await new ControlClient(a.dir).ask({ command: 'hello' })
  assert.equal([protocol, swarm, pid, typeof version], [1, 'kv', process.pid, 'string'])
})

test('connectMap: does not load Yjs', () => {
  const path = fileURLToPath(new URL('../../src/connect-map.ts', import.meta.url))
  const code = `await import(${JSON.stringify(path)}); process.stdout.write(String(Symbol.for('__ $YJS$ __') in globalThis || '__ $YJS$ __' in globalThis))`
  const args = ['--import', 'tsx', '--input-type=module', '-e', code]
  assert.is(execFileSync(process.execPath, args, { encoding: 'utf8' }), 'false')
})

test.run()
