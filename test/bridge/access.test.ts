/** Access to the bridge by host, origin and token, and its plain HTTP. */
import { once } from 'node:events'
import { connect } from 'node:net'
import * as assert from 'uvu/assert'
import { Access } from '../../src/bridge/access.ts'
import { Bridge } from '../../src/bridge/index.ts'
import { isFailure } from '../../src/errors.ts'
import { editor } from '../helpers/bridge/clients.ts'
import { TestRooms } from '../helpers/bridge/rooms.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: access')

/** Sends the lines. Resolves to everything that is received until the socket is closed. */
const speak = async (port: number, ...lines: readonly string[]): Promise<string> => {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
    if (answer.startsWith('HTTP/1.1 101')) socket.destroy()
  })
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await once(socket, 'close')
  return answer
}

const upgrade = (port: number, path: string, ...headers: readonly string[]): Promise<string> =>
  speak(
    port,
    `GET ${path} HTTP/1.1`,
    ...(headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: 127.0.0.1']),
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    ...headers,
  )

const statusOf = (answer: string): number => Number(answer.split(' ')[1])

test(
  'accepts the right token, and refuses a wrong or missing one',
  withBridge(async () => {
    const { url, port, bridge } = await openBridge({ token: 'sécret+1' })
    const client = keep(editor(url, 'r', { params: { token: 'sécret+1' } }))
    await until('the right one is let in', () => client.provider.synced)
    const encoded = encodeURIComponent('sécret+1')
    assert.is(statusOf(await upgrade(port, `/r?token=${encoded}`)), 101)
    const missing = await upgrade(port, '/r')
    assert.is(statusOf(missing), 401)
    assert.match(missing, /WWW-Authenticate: Bearer/)
    const body = JSON.parse(missing.split('\r\n\r\n')[1] ?? '')
    assert.is(body.status, 'error')
    assert.is(body.code, 'permission_denied')
    assert.match(body.message, /no token/)
    for (const query of ['token=', 'token=no', 'token=no&token=s', 'Token=1', 'token=%', 'token']) {
      assert.is(statusOf(await upgrade(port, `/r?${query}`)), 401, query)
    }
    assert.is(bridge.stats().refused['401'], 7)
  }),
)

test(
  'repeats no token, whatever is wrong with the request',
  withBridge(async () => {
    const problems: unknown[] = []
    const token = 'tok-5f2b'
    const { port } = await openBridge({ token, onProblem: (problem) => problems.push(problem) })
    const header = `Authorization: Bearer ${token}`
    const answers = [
      await upgrade(port, `/%ff?token=${token}`, header),
      await upgrade(port, `/?token=${token}`),
      await upgrade(port, `/r?token=${token}x`),
      await upgrade(port, `/r?token=${token}`, `Host: evil.example`),
      await upgrade(port, `/r?token=${token}`, `Origin: https://evil.example`),
      await speak(port, `GET /r?token=${token} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close'),
      await speak(port, `GARBAGE ${token}`),
    ]
    for (const answer of answers) assert.not.match(answer, token)
    assert.not.match(JSON.stringify(problems), token)
  }),
)

test(
  'reads the token from a header, which takes precedence over the address',
  withBridge(async () => {
    const { port } = await openBridge({ token: 'abc' })
    assert.is(statusOf(await upgrade(port, '/r', 'Authorization: Bearer abc')), 101)
    assert.is(statusOf(await upgrade(port, '/r', 'authorization: bearer abc')), 101)
    assert.is(statusOf(await upgrade(port, '/r', 'Authorization: Bearer abcd')), 401)
    assert.is(statusOf(await upgrade(port, '/r?token=abc', 'Authorization: Bearer x')), 401)
    assert.is(statusOf(await upgrade(port, '/r', 'Authorization: Basic abc')), 401)
  }),
)

test(
  'accepts only this host, with any port',
  withBridge(async () => {
    const { port } = await openBridge()
    for (const host of ['localhost', '127.0.0.1:1', 'LOCALHOST:80', '[::1]:9', '127.8.9.1']) {
      assert.is(statusOf(await upgrade(port, '/r', `Host: ${host}`)), 101, host)
    }
    const others = ['evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:1', '[::2]']
    for (const host of [...others, '10.0.0.1', 'localhost@evil.example', '', 'a b']) {
      const answer = await upgrade(port, '/r', `Host: ${host}`)
      assert.is(statusOf(answer), 403, host)
      assert.match(answer, /"code":"permission_denied"/)
    }
  }),
)

test(
  'accepts pages of this host and of listed origins',
  withBridge(async () => {
    const { port } = await openBridge({ origins: ['https://app.example', 'app://x'] })
    const good = [
      'http://localhost',
      'http://127.0.0.1:3000',
      'https://[::1]:8443',
      'https://APP.example',
      'app://x',
    ]
    for (const origin of good) {
      assert.is(statusOf(await upgrade(port, '/r', `Origin: ${origin}`)), 101, origin)
    }
    const bad = [
      'null',
      '',
      'http://app.example',
      'https://app.example:444',
      'https://app.example.evil.example',
      'http://localhost.evil.example',
      'http://127.0.0.1.evil.example',
      'http://localhost:1@evil.example',
      'file://',
      'http://localhost http://evil.example',
    ]
    for (const origin of bad) {
      assert.is(statusOf(await upgrade(port, '/r', `Origin: ${origin}`)), 403, origin)
    }
    // Behind a proxy that passes the host on.
    assert.is(statusOf(await upgrade(port, '/r', 'Host: app.example')), 101)
  }),
)

test(
  'refuses paths without a valid room name',
  withBridge(async () => {
    const { port, rooms } = await openBridge()
    const bad = ['/', '/?x', '/%', '/%zz', '/%ff', '/%ED%A0%80', `/${'a'.repeat(257)}`, '*', 'x']
    for (const path of bad) {
      const answer = await upgrade(port, path)
      assert.is(statusOf(answer), 400, path)
    }
    assert.equal(rooms.opened, [])
    assert.is(statusOf(await upgrade(port, `/${'%C3%A9'.repeat(256)}`)), 101)
    assert.equal(rooms.opened, ['é'.repeat(256)])
  }),
)

test('accepts the origin null if it is listed, and any address on all interfaces', () => {
  const access = new Access({ host: '0.0.0.0', token: 't', origins: ['null'] })
  const status = (host: string, origin?: string) => {
    const authorization = 'Bearer t'
    const headers = { host, authorization, ...(origin !== undefined && { origin }) }
    const checked = access.check({ url: '/r', headers })
    return 'room' in checked ? checked.room : checked.status
  }
  assert.is(status('10.1.2.3:80'), 'r')
  assert.is(status('[2001:db8::1]:80'), 'r')
  assert.is(status('localhost'), 'r')
  assert.is(status('evil.example'), 403)
  assert.is(status('10.1.2.3', 'null'), 'r')
  assert.is(status('10.1.2.3', 'http://10.1.2.3'), 403)
})

test('refuses invalid options', () => {
  const rooms = new TestRooms()
  assert.throws(() => new Bridge({ rooms, port: -1 }), /port must be/)
  assert.throws(() => new Bridge({ rooms, port: 1.5 }), /port must be/)
  assert.throws(() => new Bridge({ rooms, port: 0, token: '' }), /token is empty/)
  assert.throws(() => new Bridge({ rooms, port: 0, origins: ['app.example'] }), /is not an origin/)
  assert.throws(() => new Bridge({ rooms, port: 0, limits: { clients: 0 } }), /limit clients/)
  assert.throws(
    () => new Bridge({ rooms, port: 0, host: '0.0.0.0' }),
    (error: unknown) => isFailure(error, 'invalid_argument'),
  )
})

test(
  'answers plain HTTP with a page about the bridge',
  withBridge(async () => {
    const { port } = await openBridge({ token: 'abc' })
    const base = `http://127.0.0.1:${port}`
    const page = await fetch(base)
    assert.is(page.status, 200)
    assert.match(await page.text(), /y-websocket/)
    for (const [path, method] of [
      ['/r', 'GET'],
      ['/', 'POST'],
    ] as const) {
      const answer = await fetch(`${base}${path}`, { method })
      assert.is(answer.status, 426)
      assert.is(((await answer.json()) as { code: string }).code, 'invalid_argument')
    }
    assert.is(statusOf(await speak(port, 'GARBAGE')), 400)
    assert.is(
      statusOf(await speak(port, 'GET / HTTP/1.1', 'Host: a', `X: ${'x'.repeat(20_000)}`)),
      431,
    )
    const strange = [
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: h2c',
      'Authorization: Bearer abc',
    ]
    assert.is(statusOf(await speak(port, 'GET /r HTTP/1.1', ...strange)), 400)
  }),
)

test(
  'rejects for a port in use and an address of another host',
  withBridge(async () => {
    const { port, rooms } = await openBridge()
    const second = keep(new Bridge({ rooms, port }))
    await rejects(() => second.listen(), /already_exists.*in use/)
    const far = keep(new Bridge({ rooms, port: 0, host: '192.0.2.1', token: 't' }))
    await rejects(() => far.listen(), /invalid_argument.*not an address of this host/)
  }),
)

test.run()
