/** The requests `points` and `restore`, and the times that they take. */
import * as assert from 'uvu/assert'
import { parsePastTime } from '../../src/control/past-time.ts'
import { closeAll, serve } from '../helpers/control.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('control points')
const temporary = temporaryFolder()
test.after(async () => {
  await closeAll()
  temporary.remove()
})

const NOW = Date.parse('2026-12-01T12:00:00Z')

test('parsePastTime: ages, and ISO times in UTC unless they name a zone', () => {
  for (const [text, iso] of [
    ['0s', '2026-12-01T12:00:00.000Z'],
    ['90m', '2026-12-01T10:30:00.000Z'],
    ['2h', '2026-12-01T10:00:00.000Z'],
    ['1d', '2026-11-30T12:00:00.000Z'],
    ['2026-11-30', '2026-11-30T00:00:00.000Z'],
    ['2026-11-30T08:15', '2026-11-30T08:15:00.000Z'],
    ['2026-11-30 08:15:30', '2026-11-30T08:15:30.000Z'],
    ['2026-11-30T08:15:30.250Z', '2026-11-30T08:15:30.250Z'],
    ['2026-11-30T08:15+02:00', '2026-11-30T06:15:00.000Z'],
  ] as const)
    assert.is(new Date(parsePastTime(text, NOW)).toISOString(), iso, text)
  for (const text of ['', 'yesterday', '2', '2w', '-1h', '2026-13-01', '2026-11-30T25:00'])
    assert.throws(() => parsePastTime(text, NOW), /is not a time/, text)
})

test('restore: names the point, what it wrote, and refuses what is no time', async () => {
  const { client } = await serve(temporary.dir, { name: 'a' })
  for (const key of ['a', 'b']) await client.ask({ command: 'set', key, value: key })
  const { points } = await client.ask({ command: 'points', take: true })
  const [{ time, bytes }] = points as [{ time: string; bytes: number }]
  assert.ok(bytes > 0)
  await client.ask({ command: 'delete', key: 'a' })
  await client.ask({ command: 'set', key: 'c', value: 1 })
  const written = [{ map: 'state', key: 'a' }]
  const counts = { time, written: 1, deleted: 0, left: 0 }
  assert.equal(await client.ask({ command: 'restore', at: '0s', dryRun: true }), {
    ...counts,
    isDryRun: true,
    keys: { written, deleted: [] },
  })
  assert.is((await client.ask({ command: 'has', key: 'a' })).has, false)
  assert.equal(await client.ask({ command: 'restore', at: time, exact: true }), {
    ...counts,
    deleted: 1,
    keys: { written, deleted: [{ map: 'state', key: 'c' }] },
  })
  assert.equal((await client.ask({ command: 'list' })).entries, { a: 'a', b: 'b' })
  await rejects(
    () => client.ask({ command: 'restore', at: 'soon' }),
    /invalid_argument "soon" is not a time/,
  )
  await rejects(() => client.ask({ command: 'restore', at: '30d' }), /not_found there is no former/)
})

test.run()
