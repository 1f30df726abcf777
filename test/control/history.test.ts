/** What an agent remembers of changes, its limits, and how that is merged with the document. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Replica } from '../../crdt/index.ts'
import { mergeHistory } from '../../src/control/history.ts'
import {
  HistoryLog,
  MAX_CHANGES,
  MAX_CHARACTERS,
  type SeenChange,
} from '../../src/control/history-log.ts'
import {
  appendEntry,
  deleteEntry,
  historyOf,
  incrementEntry,
  observeEntries,
  type Version,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('control history')

/** A log whose clock advances by one at each read. */
const startLog = () => {
  const doc = new Y.Doc()
  let time = 0
  return { doc, log: new HistoryLog(doc, () => ++time) }
}

test('HistoryLog: records every kind of change, newest first', () => {
  const { doc, log } = startLog()
  writeEntry(doc, 'm', 'k', 1)
  writeEntry(doc, 'm', 'other', 'x')
  writeEntry(doc, 'n', 'k', 'of another map')
  writeEntry(doc, 'm', 'k', { x: 2 }, { hot: true })
  deleteEntry(doc, 'm', 'k')
  incrementEntry(doc, 'm', 'k', 5)
  appendEntry(doc, 'm', 'list', 'a')
  const writer = doc.clientID
  const [counted, deleted, hot, plain, ...more] = log.of('m', 'k')
  assert.equal(more, [])
  assert.equal(
    [counted, deleted, hot, plain].map((change) => [change?.at, change?.action, change?.value]),
    [
      [6, 'increment', 5],
      [5, 'delete', { x: 2 }],
      [4, 'set', { x: 2 }],
      [1, 'set', 1],
    ],
  )
  for (const change of [counted, deleted, hot, plain]) assert.is(change?.writer, writer)
  assert.equal(
    log.of('m', 'list').map(({ action, value }) => ({ action, value })),
    [{ action: 'append', value: undefined }],
  )
  assert.equal(log.of('m', 'none'), [])
})

test("HistoryLog: records a peer's changes, without the writer of a delete, and skips other types", () => {
  const { doc, log } = startLog()
  const peer = new Y.Doc()
  doc.getArray('list').push([1])
  doc.getXmlElement('xml').setAttribute('k', 'v')
  writeEntry(peer, 'm', 'k', 1)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer))
  deleteEntry(peer, 'm', 'k')
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer))
  assert.equal(log.of('m', 'k'), [
    { at: 2, action: 'delete', value: 1 },
    { at: 1, action: 'set', value: 1, writer: peer.clientID, clock: 0 },
  ])
  assert.equal(log.of('xml', 'k'), [])
})

test('HistoryLog: names the peer that brought a change first, and what a delete removed', () => {
  const writer = new Y.Doc()
  for (const hot of [false, true]) {
    writeEntry(writer, 'm', `value ${hot}`, 'x', { hot })
    writeEntry(writer, 'm', `other ${hot}`, 'y', { hot })
  }
  incrementEntry(writer, 'm', 'n', 5)
  appendEntry(writer, 'm', 'list', 'a')
  appendEntry(writer, 'm', 'list', 'b')
  const written = Y.encodeStateAsUpdate(writer)
  const keys = ['value false', 'value true', 'n', 'list']
  for (const key of keys) deleteEntry(writer, 'm', key)
  const deleted = Y.encodeStateAsUpdate(writer, Y.encodeStateVectorFromUpdate(written))

  const { doc, log } = startLog()
  const replica = new Replica(doc, nodePlatform)
  replica.apply(written, undefined, 'a')
  // One batch: the second sender of the same delete is not the first one.
  replica.applyAll([
    { bytes: deleted, from: 'b' },
    { bytes: deleted, from: 'c' },
  ])
  assert.equal(
    keys.map((key) => log.of('m', key).map(({ action, value, from }) => [action, value, from])),
    [
      [
        ['delete', 'x', 'b'],
        ['set', 'x', 'a'],
      ],
      [
        ['delete', 'x', 'b'],
        ['set', 'x', 'a'],
      ],
      [
        ['delete', 5, 'b'],
        ['increment', 5, 'a'],
      ],
      [
        ['delete', ['a', 'b'], 'b'],
        ['append', undefined, 'a'],
      ],
    ],
  )
  assert.is(log.of('m', 'other true')[0]?.from, 'a')
  replica.destroy()
})

test('HistoryLog: an update that waited for another keeps the peer that brought it', () => {
  const writer = new Y.Doc()
  writeEntry(writer, 'm', 'k', 1)
  const first = Y.encodeStateAsUpdate(writer)
  const vector = Y.encodeStateVector(writer)
  writeEntry(writer, 'm', 'k', 2)
  const second = Y.encodeStateAsUpdate(writer, vector)
  const { doc, log } = startLog()
  const replica = new Replica(doc, nodePlatform)
  assert.is(replica.apply(second, undefined, 'b').status, 'waiting')
  replica.apply(first, undefined, 'a')
  assert.equal(
    log.of('m', 'k').map(({ value, from }) => [value, from]),
    [
      [2, 'b'],
      [1, 'a'],
    ],
  )
  replica.destroy()
})

test('observeEntries: names the peer that brought a change, and none for one made here', () => {
  const writer = new Y.Doc()
  writeEntry(writer, 'm', 'k', 1)
  const replica = new Replica(new Y.Doc(), nodePlatform)
  const seen: unknown[] = []
  observeEntries(replica.doc, 'm', ({ action, from }) => seen.push([action, from]))
  replica.apply(Y.encodeStateAsUpdate(writer), undefined, 'a')
  deleteEntry(writer, 'm', 'k')
  replica.apply(Y.encodeStateAsUpdate(writer), undefined, 'b')
  writeEntry(replica.doc, 'm', 'k', 2)
  assert.equal(seen, [
    ['set', 'a'],
    ['delete', 'b'],
    ['set', undefined],
  ])
  replica.destroy()
})

test('HistoryLog: a key that turns hot in one transaction is one change', () => {
  const { doc, log } = startLog()
  doc.transact(() => {
    writeEntry(doc, 'm', 'k', 1)
    writeEntry(doc, 'm', 'k', 2, { hot: true })
  })
  assert.equal(
    log.of('m', 'k').map(({ value }) => value),
    [2],
  )
})

test('HistoryLog: holds no more changes than its limit', () => {
  const { doc, log } = startLog()
  writeEntry(doc, 'm', 'old', 1)
  for (let n = 0; n < MAX_CHANGES - 1; n++) writeEntry(doc, 'm', 'k', n, { hot: true })
  assert.is(log.of('m', 'old').length, 1)
  writeEntry(doc, 'm', 'k', 'last', { hot: true })
  assert.is(log.of('m', 'old').length, 0)
  assert.is(log.of('m', 'k').length, MAX_CHANGES)
  assert.is(log.of('m', 'k')[0]?.value, 'last')
  writeEntries(
    doc,
    'm',
    Array.from({ length: MAX_CHANGES * 2 }, (_, n) => [`many${n}`, n] as const),
  )
  assert.is(log.of('m', 'k').length, 0)
  assert.is(log.of('m', `many${MAX_CHANGES * 2 - 1}`).length, 1)
})

test('HistoryLog: holds no more characters than its limit', () => {
  const { doc, log } = startLog()
  const value = { text: 'x'.repeat(60_000) }
  const most = Math.floor(MAX_CHARACTERS / 60_000)
  for (let n = 0; n < most * 3; n++) writeEntry(doc, 'm', 'k', { ...value, n }, { hot: true })
  const kept = log.of('m', 'k')
  assert.ok(kept.length > most / 2 && kept.length <= most, String(kept.length))
  assert.equal(kept[0]?.value, { ...value, n: most * 3 - 1 })
})

const version = (clock: number, more: Partial<Version> = {}): Version => ({
  writer: 7,
  clock,
  current: false,
  kind: 'set',
  ...more,
})

const seen = (at: number, clock: number, value: unknown, writer = 7): SeenChange => ({
  at,
  action: 'set',
  value,
  writer,
  clock,
})

const shown = (versions: readonly Version[], changes: readonly SeenChange[]) =>
  mergeHistory(versions, changes).map(({ action, value, clock, count, seen: at }) => ({
    action,
    ...(value !== undefined && { value }),
    ...(clock !== undefined && { clock }),
    ...(count !== undefined && { count }),
    ...(at !== undefined && { at: Date.parse(at) }),
  }))

test('mergeHistory: adds the time that was seen, and a value that the document forgot', () => {
  assert.equal(
    shown(
      [version(5, { current: true, value: 'c' }), version(3)],
      [seen(20, 5, 'c'), seen(10, 3, 'b')],
    ),
    [
      { action: 'set', value: 'c', clock: 5, at: 20 },
      { action: 'set', value: 'b', clock: 3, at: 10 },
    ],
  )
})

test('mergeHistory: takes seen changes out of a run, and keeps the rest as a run', () => {
  assert.equal(
    shown(
      [version(10, { current: true, value: 1 }), version(9, { count: 9 })],
      [seen(30, 10, 1), seen(20, 9, 'b'), seen(10, 8, 'a')],
    ),
    [
      { action: 'set', value: 1, clock: 10, at: 30 },
      { action: 'set', value: 'b', clock: 9, at: 20 },
      { action: 'set', value: 'a', clock: 8, at: 10 },
      { action: 'set', clock: 7, count: 7 },
    ],
  )
  assert.equal(shown([version(2, { count: 2 })], [seen(10, 2, 'b')]), [
    { action: 'set', value: 'b', clock: 2, at: 10 },
    { action: 'set', clock: 1 },
  ])
})

test('mergeHistory: places forgotten changes where they happened', () => {
  const gone: SeenChange = { at: 25, action: 'delete' }
  assert.equal(
    shown([version(5, { value: 2 }), version(1)], [seen(30, 5, 2), gone, seen(20, 4, 'lost')]),
    [
      { action: 'set', value: 2, clock: 5, at: 30 },
      { action: 'delete', at: 25 },
      { action: 'set', value: 'lost', clock: 4, at: 20 },
      { action: 'set', clock: 1 },
    ],
  )
  const hot = [version(9, { at: 22, value: 'now', writer: 8 })]
  assert.equal(shown(hot, [gone, seen(20, 4, 'lost')]), [
    { action: 'delete', at: 25 },
    { action: 'set', value: 'now', clock: 9 },
    { action: 'set', value: 'lost', clock: 4, at: 20 },
  ])
  assert.equal(shown([], [gone]), [{ action: 'delete', at: 25 }])
  assert.equal(shown([], []), [])
})

test('history: distinguishes when a change was written from when it was seen', () => {
  const versions: Version[] = [
    { writer: 7, clock: 4, current: true, kind: 'increment', value: 3, at: 1_000 },
  ]
  const changes: SeenChange[] = [
    { at: 2_000, action: 'increment', value: 30, total: 3, before: 2, writer: 7, clock: 4 },
    { at: 1_500, action: 'increment', value: 29, total: 9, writer: 7, clock: 2 },
  ]
  assert.equal(mergeHistory(versions, changes), [
    {
      action: 'increment',
      value: 30,
      by: 1,
      writer: 7,
      clock: 4,
      isCurrent: true,
      written: '1970-01-01T00:00:01.000Z',
      seen: '1970-01-01T00:00:02.000Z',
    },
    { action: 'increment', by: 2, isTotal: true, writer: 7, isCurrent: true },
    {
      action: 'increment',
      value: 29,
      by: 9,
      writer: 7,
      clock: 2,
      isCurrent: false,
      seen: '1970-01-01T00:00:01.500Z',
    },
  ])
})

/** The history of a counter, as one line for each change, newest first. */
const countedIn = (doc: Y.Doc, log: HistoryLog): string[] =>
  mergeHistory(historyOf(doc, 'm', 'n'), log.of('m', 'n')).map(
    ({ action, by, value, isTotal, isCurrent }) =>
      [action, by, isTotal ? 'in all' : `-> ${value}`, isCurrent ? '(now)' : ''].join(' ').trim(),
  )

test('history: shows a counter in steps with their sums, decrements too', () => {
  const { doc, log } = startLog()
  writeEntry(doc, 'm', 'n', 5)
  for (const by of [1, 4, -3, 0.1, 0.2, -8.3, 1]) incrementEntry(doc, 'm', 'n', by)
  assert.equal(countedIn(doc, log), [
    'increment 1 -> 0 (now)',
    'increment -8.3 -> -1 (now)',
    'increment 0.2 -> 7.300000000000001 (now)', // as it was read then
    'increment 0.1 -> 7.1 (now)',
    'increment -3 -> 7 (now)',
    'increment 4 -> 10 (now)',
    'increment 1 -> 6 (now)',
    'set  -> 5 (now)',
  ])
  writeEntry(doc, 'm', 'n', 100)
  incrementEntry(doc, 'm', 'n', -1)
  assert.equal(countedIn(doc, log).slice(0, 4), [
    'increment -1 -> 99 (now)',
    'set  -> 100 (now)',
    'increment 1 -> 0',
    'increment -8.3 -> -1',
  ])
})

test('history: shows steps of others, merged steps, and those of one transaction', () => {
  const { doc, log } = startLog()
  const peer = new Y.Doc()
  const meet = (): void => {
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(peer, Y.encodeStateVector(doc)))
    Y.applyUpdate(peer, Y.encodeStateAsUpdate(doc, Y.encodeStateVector(peer)))
  }
  incrementEntry(doc, 'm', 'n', 2)
  meet()
  incrementEntry(peer, 'm', 'n', 10)
  meet()
  incrementEntry(peer, 'm', 'n', 20)
  incrementEntry(peer, 'm', 'n', -5)
  meet()
  doc.transact(() => {
    incrementEntry(doc, 'm', 'n', -7)
    incrementEntry(doc, 'm', 'n', 1)
  })
  assert.equal(countedIn(doc, log), [
    'increment 1 -> 21 (now)',
    'increment -7 -> 20 (now)',
    'increment 15 -> 27 (now)',
    'increment 10 -> 12 (now)',
    'increment 2 -> 2 (now)',
  ])
})

test('history: shows what was added before the log began as one change, so that the steps add up', () => {
  const doc = new Y.Doc()
  for (const by of [5, -2]) incrementEntry(doc, 'm', 'n', by)
  const log = new HistoryLog(doc)
  assert.equal(countedIn(doc, log), ['increment 3 in all (now)'])
  incrementEntry(doc, 'm', 'n', -4)
  assert.equal(countedIn(doc, log), ['increment -4 -> -1 (now)', 'increment 3 in all (now)'])
  const all = new Y.Doc({ gc: false })
  for (const by of [5, -2, 7]) incrementEntry(all, 'm', 'n', by)
  const late = new HistoryLog(all)
  incrementEntry(all, 'm', 'n', 1)
  assert.equal(
    mergeHistory(historyOf(all, 'm', 'n'), late.of('m', 'n')).map(({ by }) => by),
    [1, 7, -2, 5],
  )
})

test.run()
