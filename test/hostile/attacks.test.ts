/** The corpus of attacks: a replica withstands all of them, a bare Yjs document does not. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { decodePush, Rejection, Replica, unpackUpdate } from '../../crdt/index.ts'
import { byUpdates, HOSTILE } from '../../src/hostile/attack.ts'
import { forge, forged } from '../../src/hostile/forge.ts'
import { ATTACKS, type AttackTarget, attack, type MessageAttack } from '../../src/hostile/index.ts'
import { readEntries, writeEntry } from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { imageOf } from '../helpers/docs.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('hostile: attacks')

const bare = (): AttackTarget => {
  const doc = new Y.Doc()
  const map = doc.getMap('state')
  return {
    writer: doc.clientID,
    apply: (update) => Y.applyUpdate(doc, update),
    read: () => map.toJSON(),
    write: (key, value) => void map.set(key, value),
    encode: () => Y.encodeStateAsUpdate(doc),
  }
}

/** Rounds after which an agent gives up a delete of what is not written. */
const ROUNDS = 12

const replica = (hot: boolean): AttackTarget => {
  const own = new Replica(new Y.Doc(), nodePlatform)
  const empty = new Replica(new Y.Doc(), nodePlatform)
  const { doc } = own
  return {
    writer: doc.clientID,
    apply: (update) => {
      const [rejection] = own.apply(update).thrown
      if (rejection !== undefined) throw rejection
    },
    read: () => readEntries(doc, 'state'),
    write: (key, value) => writeEntry(doc, 'state', key, value, { hot }),
    encode: () => own.encode(own.lacking(empty.decode(empty.syncRequest()))).bytes,
    idle: () => {
      for (let i = 0; i < ROUNDS; i++) own.endRound()
    },
  }
}

test('a replica meets what is expected of each attack', () => {
  const rows = attack(() => replica(true))
  assert.equal(
    rows.filter(({ isAsExpected }) => !isAsExpected),
    [],
  )
  assert.ok(rows.length >= 30, `only ${rows.length} attacks`)
})

test('a replica with plain keys does, too, but any hot value stands before a plain one', () => {
  const rows = attack(() => replica(false), { size: 0.2 })
  const [ahead, ...others] = rows.filter(({ isAsExpected }) => !isAsExpected)
  // A plain entry has no stamp, so this is an overwrite like others. The next write wins.
  assert.equal(
    [ahead?.name, ahead?.didSurvive, ahead?.isWritable, ahead?.didMerge, ahead?.didTravel],
    ['stamps-ahead', false, true, true, true],
  )
  assert.equal(others, [])
})

test('a bare Yjs document is harmed by at least six of them', () => {
  const harmed = attack(bare, { size: 0.5 }).filter(({ isHarmed }) => isHarmed)
  const names = harmed.map(({ name }) => name)
  assert.ok(names.length >= 6, names.join())
  // One of each kind of harm: to entries, to a peer's writes, and to the state as a whole.
  assert.ok(harmed.some(({ didSurvive }) => !didSurvive))
  assert.ok(harmed.some(({ didSurvive, didMerge }) => didSurvive && !didMerge))
  assert.ok(harmed.some(({ didMerge, didTravel }) => didMerge && !didTravel))
})

test('the harness sees a target that loses, hides, refuses or adds entries', () => {
  const noise = byUpdates(
    { name: 'noise', description: 'an entry', expected: 'hidden', why: 'none' },
    ({ map }) => [
      forge([{ writer: HOSTILE, structs: [forged.any({ parent: map, key: 'noise' }, [1])] }]),
    ],
  )
  const rowOf = (change: (target: AttackTarget) => Partial<AttackTarget>) => {
    const [row] = attack(
      () => {
        const target = bare()
        return { ...target, ...change(target) }
      },
      { attacks: [noise] },
    )
    return row!
  }
  const without = (key: string) => (entries: object) =>
    Object.fromEntries(Object.entries(entries).filter(([name]) => name !== key))
  const plain = rowOf(() => ({}))
  assert.equal([plain.isHarmed, plain.isUnchanged, plain.isAsExpected], [false, false, false])
  const hiding = rowOf(({ read }) => ({ read: () => without('noise')(read()) }))
  assert.equal([hiding.isHarmed, hiding.isAsExpected], [false, true])
  const losing = rowOf(({ read }) => ({ read: () => without('text')(read()) }))
  assert.equal([losing.didSurvive, losing.isHarmed], [false, true])
  const deaf = rowOf(() => ({ write: (key) => assert.ok(key === 'own', 'refused') }))
  assert.equal([deaf.isWritable, deaf.isHarmed], [false, true])
  const mute = rowOf(() => ({ encode: () => Uint8Array.of(0, 0) }))
  assert.equal([mute.didTravel, mute.isHarmed], [false, true])
  let updates = 0
  const closed = rowOf(({ apply }) => ({
    apply: (update) => {
      if (++updates > 2) throw new Error('closed')
      apply(update)
    },
  }))
  assert.equal(
    [closed.refused, closed.threw, closed.didMerge, closed.isHarmed],
    [1, 'closed', false, true],
  )
})

test('a value with a stamp of the present wins, so the attack with one ahead is not empty', () => {
  const { make } = ATTACKS.find(({ name }) => name === 'stamps-ahead')!
  const [ahead] = make() as Uint8Array[]
  const near = byUpdates(
    { name: 'near', description: 'a stamp of now', expected: 'hidden', why: 'none' },
    ({ map }) => [
      forge([
        {
          writer: HOSTILE,
          structs: [
            forged.raw(7, { parent: 'pilot-gossip:hot', key: String(HOSTILE) }, [0]),
            forged.any({ parent: [HOSTILE, 0] }, [
              [map, 'own', Math.floor(Date.now() + 1_000) * 1024, 'v', 'ahead'],
            ]),
          ],
        },
      ]),
    ],
  )
  assert.ok(ahead!.length > 0)
  const [row] = attack(() => replica(true), { attacks: [near] })
  assert.is(row?.didSurvive, false)
})

test('names are unique, each attack is described, and makes the same bytes every time', () => {
  assert.is(new Set(ATTACKS.map(({ name }) => name)).size, ATTACKS.length)
  for (const { name, description, why, make } of ATTACKS) {
    assert.match(name, /^[a-z][a-z-]*$/)
    assert.ok(description.length > 10 && why.length > 10, name)
    const [first, again] = [make(), make()]
    assert.ok(first.length > 0, name)
    assert.ok(
      first.every((sent, i) => Buffer.from(sent).equals(Buffer.from(again[i]!))),
      name,
    )
  }
})

/** What an agent does with a message, up to the merge. */
const receive = (own: Replica, text: string): void => {
  const { state } = decodePush(text, 'kv')
  for (const { update } of state.values())
    if (update) own.apply(unpackUpdate(update, nodePlatform), update.needs)
}

const MESSAGES = ATTACKS.filter((one): one is MessageAttack => one.against === 'message')

for (const { name, make } of MESSAGES) {
  test(`message ${name}: each is rejected, and changes nothing`, () => {
    const own = new Replica(new Y.Doc(), nodePlatform)
    own.doc.getMap('state').set('k', 1)
    const before = imageOf(own)
    for (const [i, text] of make().entries()) {
      let thrown: unknown
      try {
        receive(own, text)
      } catch (error) {
        thrown = error
      }
      assert.instance(thrown, Rejection, `${i}: ${text.slice(0, 200)}`)
      assert.equal(imageOf(own), before)
    }
  })
}

test.run()
