/** Base64 and UTF-8 lengths without `Buffer`, compared with `Buffer`. */
import * as assert from 'uvu/assert'
import { countBytes, decodeBase64, encodeBase64 } from '../../src/maps/bytes.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: bytes')

test('countBytes: agrees with Buffer.byteLength, lone surrogates included', () => {
  const units = ['a', 'é', '€', '\ud83d', '\udc1d', '\u{1f41d}', '\uffff']
  const random = new Random(1)
  for (let run = 0; run < 2_000; run++) {
    const text = Array.from({ length: random.int(0, 8) }, () => random.pick(units)).join('')
    assert.is(countBytes(text), Buffer.byteLength(text), JSON.stringify(text))
  }
})

test('base64: agrees with Buffer in both directions', () => {
  const random = new Random(2)
  for (const length of [0, 1, 2, 3, 4, 100, 8_191, 8_192, 8_193, 30_000]) {
    const bytes = Uint8Array.from({ length }, () => random.int(0, 255))
    const text = Buffer.from(bytes).toString('base64')
    assert.is(encodeBase64(bytes), text)
    assert.equal(decodeBase64(text), bytes)
  }
})

test('decodeBase64: ignores missing padding and a single last digit, as Buffer does', () => {
  for (const text of ['AQI', 'AQ', 'A', 'AQIDB', 'AQIDB===', ''])
    assert.equal(decodeBase64(text), new Uint8Array(Buffer.from(text, 'base64')), text)
})

test.run()
