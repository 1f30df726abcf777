/** Former states on disk: what is kept, what goes first, and what damage does. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import type { Failure } from '../../src/errors.ts'
import { type Point, Points, thinned } from '../../src/store/points.ts'
import { temporaryFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store points')
const temporary = temporaryFolder()
test.after(temporary.remove)

const HOUR = 3_600_000
const DAY = 24 * HOUR
const NOW = Date.parse('2026-12-01T00:30:00Z')

const hourly = (count: number, bytes = 100): Point[] =>
  Array.from({ length: count }, (_, i) => ({ at: NOW - (count - 1 - i) * HOUR, bytes }))

const stateOf = (update: Uint8Array): unknown => {
  const doc = new Y.Doc()
  Y.applyUpdateV2(doc, update)
  return doc.getMap('m').toJSON()
}

test('thinned: one an hour for a day, one a day for a month', () => {
  const kept = thinned(hourly(50 * 24), NOW, 1_000_000)
  const ages = kept.map(({ at }) => NOW - at)
  assert.is(ages.filter((age) => age < DAY).length, 24)
  const old = kept.filter(({ at }) => NOW - at >= DAY)
  assert.is(new Set(old.map(({ at }) => Math.floor(at / DAY))).size, old.length)
  assert.ok(old.length >= 29 && old.length <= 30, `${old.length} days`)
  assert.ok(Math.max(...ages) < 30 * DAY)
})

test('thinned: beyond the limit the finest go first, and the newest stays', () => {
  const all = thinned(hourly(10 * 24), NOW, 1_000_000)
  const kept = thinned(all, NOW, 1_500)
  assert.is(kept.length, 15)
  assert.is(kept.at(-1)?.at, NOW)
  assert.is(kept[0]?.at, all[0]?.at)
  const daily = all.filter(({ at }) => NOW - at >= DAY)
  // Of two points that are an hour apart one goes, though they are of different days.
  assert.is(kept.filter((point) => daily.includes(point)).length, daily.length - 1)
  assert.equal(
    thinned(hourly(3, 5_000), NOW, 1).map(({ at }) => NOW - at),
    [2 * HOUR, 0],
  )
})

test('points: a state comes back as it was at that time, in another process, too', async () => {
  const dir = join(temporary.dir, 'points')
  const points = new Points({ dir })
  assert.equal(await points.list(), [])
  assert.is(await points.at(NOW), undefined)
  const doc = new Y.Doc()
  for (const hour of [1, 2, 3]) {
    doc.getMap('m').set('k', hour)
    await points.take(doc, NOW + hour * HOUR)
  }
  const again = new Points({ dir })
  assert.equal(
    (await again.list()).map(({ at }) => at),
    [1, 2, 3].map((hour) => NOW + hour * HOUR),
  )
  for (const [ago, value] of [
    [0, 3],
    [HOUR - 1, 2],
    [HOUR, 2],
    [2 * HOUR, 1],
  ] as const) {
    const point = await again.at(NOW + 3 * HOUR - ago)
    assert.equal(point && stateOf(point.update), { k: value })
  }
  assert.is(await again.at(NOW), undefined)
})

test('points: every damaged byte is noticed, and the next older state is taken', async () => {
  const dir = join(temporary.dir, 'damaged')
  const points = new Points({ dir })
  const doc = new Y.Doc()
  for (const hour of [1, 2]) {
    doc.getMap('m').set('k', hour)
    await points.take(doc, NOW + hour * HOUR)
  }
  const [, newest] = (await readdir(dir)).sort()
  const path = join(dir, newest!)
  const whole = await readFile(path)
  // The first ten bytes are gzip's head: its time and system mean nothing.
  for (let at = 10; at < whole.length; at += 7) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 0x55
    await writeFile(path, bytes)
    const told: Failure[] = []
    const point = await points.at(NOW + 9 * HOUR, (failure) => told.push(failure))
    assert.equal(
      [point && stateOf(point.update), told.map(({ code }) => code)],
      [{ k: 1 }, ['damaged']],
      `byte ${at}`,
    )
  }
  await writeFile(path, whole.subarray(0, 40))
  const point = await points.at(NOW + 9 * HOUR)
  assert.equal(point && stateOf(point.update), { k: 1 })
})

test('points: a folder stays within its limit, and a leftover is removed', async () => {
  const dir = join(temporary.dir, 'bounded')
  const points = new Points({ dir })
  const doc = new Y.Doc()
  doc.getMap('m').set('k', 1)
  const { bytes } = await points.take(doc, NOW)
  await writeFile(join(dir, '2026-12-01T00-00-00.000Z.bin.gz.tmp'), 'half')
  for (let hour = 1; hour < 12; hour++) await points.take(doc, NOW + hour * HOUR, 5 * bytes)
  const names = await readdir(dir)
  assert.ok(names.length >= 4 && names.length <= 5, names.join())
  assert.not(names.some((name) => name.endsWith('.tmp')))
})

test.run()
