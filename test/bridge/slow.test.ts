/** Clients of the bridge that do not read or are gone, and the end of the bridge. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { deafClient, editor, RawClient } from '../helpers/bridge/clients.ts'
import { keep, openBridge } from '../helpers/bridge/setup.ts'
import { withBridge } from '../helpers/bridge/with-bridge.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('bridge: slow clients')

/** The number of its `update` listeners. Documents and awareness keep them in an untyped field. */
const listeners = (observed: object): number =>
  (observed as { _observers: Map<string, Set<unknown>> })._observers.get('update')?.size ?? 0

test(
  'cuts a client that does not read; others receive everything',
  withBridge(async () => {
    const limits = { sendBytes: 1_000_000, closeMs: 100 }
    const { rooms, url, port, bridge } = await openBridge({ limits })
    const { doc } = rooms.room('r')
    const good = keep(editor(url, 'r'))
    await until('the good one is synced', () => good.provider.synced)
    const deaf = []
    for (let i = 0; i < 5; i++) {
      const socket = await deafClient(port, 'r')
      keep({ close: () => socket.destroy() })
      deaf.push(socket)
    }
    await until('all are in', () => bridge.stats().clients === 6)
    // Buffers of the system take some megabytes for each client.
    for (let i = 0; i < 400 && (bridge.stats().cut.slow ?? 0) < 5; i++) {
      doc.getMap('m').set('k', `${i}${'x'.repeat(100_000)}`)
      const at = i
      await until('the good one has it', () =>
        `${good.doc.getMap('m').get('k')}`.startsWith(`${at}x`),
      )
    }
    assert.is(bridge.stats().cut.slow, 5)
    assert.is(bridge.stats().clients, 1)
    assert.is(bridge.stats().cut.silent, undefined)
  }),
)

test(
  'sends a client no second answer before it has read the first',
  withBridge(async () => {
    const { rooms, port, bridge } = await openBridge({ limits: { answerBytes: 50_000_000 } })
    rooms.room('r').doc.getText('t').insert(0, 'x'.repeat(30_000_000))
    const step1 = Buffer.from([0x82, 0x84, 0, 0, 0, 0, 0, 0, 1, 0])
    const first = await deafClient(port, 'r')
    for (let i = 0; i < 50; i++) first.write(step1)
    await until('the first is answered', () => bridge.stats().framesIn === 1)
    const second = await deafClient(port, 'r')
    second.write(step1)
    await until('the second must come later', () => bridge.stats().cut.busy === 1)
    assert.is(bridge.stats().framesIn, 2)
    assert.ok(bridge.stats().bytesOut < 40_000_000)
    first.destroy()
    second.destroy()
    await until('they are gone', () => bridge.stats().clients === 0)
    const third = await deafClient(port, 'r')
    third.write(step1)
    third.resume()
    await until('the next is answered', () => bridge.stats().framesIn === 3)
    third.destroy()
  }),
)

test(
  'cuts a silent client, and keeps a live one',
  withBridge(async () => {
    const { rooms, url, port, bridge } = await openBridge({ limits: { heartbeatMs: 40 } })
    const deaf = await deafClient(port, 'r')
    const alive = await RawClient.connect(`${url}/r`)
    const { awareness } = rooms.room('r')
    awareness.setLocalState(null)
    await until('the silent one is cut', () => bridge.stats().cut.silent === 1)
    deaf.destroy()
    assert.is(alive.closing, undefined)
    // y-websocket clients reconnect after 30 seconds without a message.
    await until('it gets a sign of life', () => alive.of(1, 1, 0).length >= 5)
    assert.is(bridge.stats().clients, 1)
  }),
)

test(
  'closes its clients and frees the port; a second call does nothing',
  withBridge(async () => {
    const { url, port, bridge, rooms } = await openBridge({ limits: { closeMs: 200 } })
    const client = await RawClient.connect(`${url}/r`)
    const deaf = await deafClient(port, 'r')
    const { doc, awareness } = rooms.room('r')
    await until('both are in', () => bridge.stats().clients === 2 && client.frames.length > 0)
    for (const observed of [doc, awareness]) assert.is(listeners(observed), 1)
    await Promise.all([bridge.close(), bridge.close()])
    assert.is((await client.closed).code, 1001)
    deaf.destroy()
    assert.is(bridge.stats().clients, 0)
    assert.throws(() => bridge.listen(), /closed/)
    await rejects(() => RawClient.connect(`${url}/r`), /ECONNREFUSED/)
    for (const observed of [doc, awareness]) assert.is(listeners(observed), 0)
    await openBridge({ port })
  }),
)

test('keeps no program alive after close', async () => {
  const program = fileURLToPath(new URL('../fixtures/bridge/ends.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program], {
    timeout: 40_000,
  })
  assert.is(stdout, 'closed\n')
})

test.run()
