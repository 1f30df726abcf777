/** Keys that are sorted while they are read. */
import * as assert from 'uvu/assert'
import { inOrder } from '../../src/maps/in-order.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: in order')

const sorted = (keys: readonly string[]): string[] => [...keys].sort()

test('random keys: the order of sort, with duplicates too', () =>
  eachSeed(200, (random) => {
    const length = random.int(0, 500)
    const letters = random.int(1, 4)
    const keys = Array.from({ length }, () => random.text(random.int(0, letters)))
    assert.equal([...inOrder([...keys])], sorted(keys))
  }))

test('keys in order, in reverse, all equal, and as an organ pipe', () => {
  const up = Array.from({ length: 12_000 }, (_, i) => String(i).padStart(5, '0'))
  const down = [...up].reverse()
  const same = up.map(() => 'k')
  const pipe = [...up, ...down]
  const nearlySame = [...same, 'a', ...same, 'z']
  for (const keys of [up, down, same, pipe, nearlySame, ['one'], []])
    assert.equal([...inOrder([...keys])], sorted(keys))
})

/** A key that counts how often it is compared. */
const counting = (text: string, onCompare: () => void): string => {
  const primitive = () => {
    onCompare()
    return text
  }
  return { [Symbol.toPrimitive]: primitive, toString: primitive } as unknown as string
}

test('the first key: a few comparisons for each of few keys, and hardly more than one for each of many', () => {
  for (const [length, most] of [
    [1_000, 6],
    [16_000, 1.5],
    [100_000, 1.2],
  ] as const) {
    let compared = 0
    const keys = Array.from({ length }, (_, i) =>
      counting(String(Math.imul(i, 2654435761) >>> 0), () => compared++),
    )
    const all = inOrder(keys)
    all.next()
    // Each comparison counts both of its keys.
    assert.ok(compared <= 2 * most * length, `${compared} for ${length} keys`)
  }
})

test.run()
