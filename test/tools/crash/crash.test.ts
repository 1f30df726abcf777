/**
 * A short crash run, and the proof that the harness works: each of its oracles finds a deliberate
 * defect, and the damage that it does spares what was flushed.
 *
 * `SEED=17` takes another history; `npm run crash` is the long one.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { inFolder } from '../../helpers/folder.ts'
import { Random } from '../../helpers/random.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { type Note, readNotes } from './notes.ts'
import { differences, emptyModel, expected, foundIn, operationOf, perform } from './operations.ts'
import { runCrash } from './run.ts'
import { SeenStructs } from './structs.ts'
import { tear } from './tear.ts'

const test = suite('crash')

const KILLS = 12

/** Kills within which a defect must be found. Most are found by the first. */
const ENOUGH = 12

const seed = Number(process.env.SEED ?? 1)

/** Milliseconds. A life takes some two seconds on a slow machine, most of it for the start. */
const TIMEOUT = 300_000

test(
  `${KILLS} kills lose nothing that was acknowledged (SEED=${seed})`,
  async () => {
    const report = await runCrash({ kills: KILLS, seed })
    // A run in which nothing happens would lose nothing, too.
    assert.ok(report.acknowledged > KILLS, `${report.acknowledged} acknowledged`)
    assert.ok(report.structs > KILLS && report.checks > 0 && report.torn > 0)
    assert.ok(report.writers.length <= 1 + report.damaged)
  },
  { timeout: TIMEOUT },
)

const AGAIN =
  /\n {2}again: node --import tsx test\/tools\/crash\.ts --kills \d+ --seed \d+ --mutation \w+$/

test(
  'finds writes that are acknowledged before they are flushed',
  async () => {
    const error = await rejects(
      () => runCrash({ kills: ENOUGH, seed, mutation: 'early' }),
      /acknowledged writes are lost/,
    )
    assert.match(error.message, AGAIN)
  },
  { timeout: TIMEOUT },
)

test(
  'finds structs that are published before they are flushed, and whose clocks are then used again',
  async () => {
    // Which symptom comes first depends on the moment of the kill: the fork on the disk, the fork
    // at the writer when the peer returns what it has forgotten, a new id that is not on disk yet, or
    // wrong entries.
    const error = await rejects(
      () => runCrash({ kills: ENOUGH, seed, mutation: 'leak' }),
      /the writer forked|rejected what the peer sent|another writer id|unknown writers|own_clock|lost|lacks/,
    )
    assert.match(error.message, AGAIN)
  },
  { timeout: TIMEOUT },
)

/** The updates of a document in which one writer sets these values. */
const updatesOf = (writer: number, values: readonly unknown[]): Uint8Array[] => {
  const doc = new Y.Doc()
  doc.clientID = writer
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  doc.getArray('list').push([...values])
  doc.getMap('map').set('k', values[0])
  doc.getArray('list').push([...values])
  return updates
}

test('finds two structs with one writer and clock', () => {
  const seen = new SeenStructs()
  for (const update of updatesOf(7, ['a', 'b'])) seen.add(update, 'here')
  for (const update of updatesOf(8, ['other'])) seen.add(update, 'there')
  assert.equal([seen.forks, [...seen.writers]], [[], [7, 8]])
  seen.add(updatesOf(7, ['a', 'c'])[0]!, 'there')
  assert.equal(seen.forks, [
    '7:1 was "b" after 7:0 before - in here, and is "c" after 7:0 before - in there',
  ])
})

test('recognizes a struct, however it is cut, merged or deleted', () => {
  const doc = new Y.Doc()
  doc.clientID = 7
  const seen = new SeenStructs()
  doc.on('update', (update: Uint8Array) => seen.add(update, 'an update'))
  const list = doc.getArray('list')
  for (let index = 0; index < 9; index++) list.push([index])
  seen.add(Y.encodeStateAsUpdate(doc), 'the whole')
  assert.is(seen.size, 9)
  list.delete(3, 2)
  const vector = Y.encodeStateVector(new Map([[7, 7]]))
  seen.add(Y.encodeStateAsUpdate(doc, vector), 'a part')
  seen.add(Y.encodeStateAsUpdate(doc), 'the whole')
  assert.equal(seen.forks, [])
})

test('the model agrees with the maps', () => {
  for (let history = 1; history <= 20; history++) {
    const doc = new Y.Doc()
    let model = emptyModel()
    const kinds = new Set<string>()
    for (let n = 0; n < 300; n++) {
      const operation = operationOf(history, n)
      kinds.add(operation.kind)
      perform(doc, operation)
      model = expected(model, operation)
    }
    assert.equal(differences(model, foundIn(doc)), [], `seed ${history}`)
    assert.is(kinds.size, 4)
  }
})

test('lists missing, different and surplus entries', () => {
  const model = new Map([['state', new Map<string, unknown>(Object.entries({ a: 1, b: [2] }))]])
  assert.equal(differences(model, { state: { b: [3], c: 4 } }), [
    'state a: nothing instead of 1',
    'state b: [3] instead of [2]',
    'state c: 4 instead of nothing',
  ])
})

test('tears what was not flushed, and never what was', () =>
  inFolder((dir) => {
    const whole = Uint8Array.from({ length: 20_000 }, (_, index) => 1 + (index % 255))
    const flushed = 7_000
    const data = join(dir, 'writer')
    const log = join(data, 'log', 'log-000001.bin')
    mkdirSync(join(data, 'log'), { recursive: true })
    let changed = 0
    for (let index = 0; index < 200; index++) {
      writeFileSync(log, whole)
      const notes: Note[] = [
        { type: 'created', path: log },
        { type: 'synced', path: log, length: flushed },
      ]
      const done = tear(data, readNotes(notes), new Random(index))
      const found = readFileSync(log)
      assert.ok(found.subarray(0, flushed).equals(whole.subarray(0, flushed)), `${done}`)
      if (!found.equals(whole)) changed++
    }
    assert.ok(changed > 100, `${changed} of 200 were torn`)
  }))

test('undoes the last renames that were not flushed, and no others', () =>
  inFolder((dir) => {
    const found = new Set<string>()
    for (let index = 0; index < 50; index++) {
      const data = join(dir, String(index))
      mkdirSync(join(data, 'undo'), { recursive: true })
      const [one, two] = [join(data, 'one.json'), join(data, 'two.json')]
      const former = join(data, 'undo', 'former')
      const notes: Note[] = [
        { type: 'rename', from: `${one}.tmp`, to: one },
        { type: 'synced_dir', dir: data },
        { type: 'rename', from: `${two}.tmp`, to: two, undo: former },
        { type: 'remove', path: join(data, 'three.json'), undo: join(data, 'undo', 'third') },
      ]
      writeFileSync(one, 'new')
      writeFileSync(two, 'new')
      writeFileSync(former, 'old')
      writeFileSync(join(data, 'undo', 'third'), 'third')
      tear(data, readNotes(notes), new Random(index))
      const names = readdirSync(data).filter((name) => /^(one|two|three)\.json$/.test(name))
      found.add(names.map((name) => `${name}=${readFileSync(join(data, name), 'utf8')}`).join(' '))
    }
    assert.equal([...found].sort(), [
      'one.json=new three.json=third two.json=new',
      'one.json=new three.json=third two.json=old',
      'one.json=new two.json=new',
    ])
  }))

test.run()
