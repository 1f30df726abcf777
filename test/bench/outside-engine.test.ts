/** An engine from outside takes part in the bench by the path of its module. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { loadEngines } from '../../bench/engines/load.ts'
import { main } from '../../bench/main.ts'
import { inFolder } from '../helpers/folder.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench: engine from outside')

/** A map without conflicts, in plain JavaScript. */
const MODULE = `
const create = () => {
  const map = new Map()
  let changes = []
  return {
    set(entries) { for (const [k, v] of entries) { map.set(k, v); changes.push([k, v]) } },
    encodeState: () => JSON.stringify([...map]),
    takeChanges() { const all = JSON.stringify(changes); changes = []; return all },
    receive(text) { for (const [k, v] of JSON.parse(text)) map.set(k, v) },
    read: () => map,
  }
}
export const mine = { name: 'mine', about: 'a plain Map', converges: false, create }
`

test('--engine PATH: it runs beside ours and is a row of the result', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'mine.mjs')
    writeFileSync(path, MODULE)
    const written: string[] = []
    const streams = {
      out: (text: string) => written.push(text),
      err: (text: string) => written.push(text),
    }
    const args = ['--only', 'lost', '--engine', path, '--quick', '--json']
    assert.is(await main(args, [], streams), 0, written.join(''))
    const { data } = JSON.parse(written.join(''))
    assert.equal(
      data.engines.map(({ name }: { name: string }) => name),
      ['mine'],
    )
    assert.is(data.lostWrites[0].engine, 'mine')
  }))

test('--engine PATH: a module that cannot be loaded, or exports no engine, is refused', () =>
  inFolder(async (dir) => {
    const path = join(dir, 'none.mjs')
    await rejects(() => loadEngines(path), /none.mjs" cannot be loaded/)
    writeFileSync(path, 'export const x = 1')
    await rejects(() => loadEngines(path), /none.mjs" exports no engine/)
  }))

test.run()
