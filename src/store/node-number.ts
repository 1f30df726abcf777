/**
 * The 32-bit number of a node, from its address. A Pilot address contains it. Any other address is
 * hashed, so the same address always gives the same number.
 *
 * ```ts
 * nodeNumber('0:0000.0000.000A') // 10
 * ```
 */
import { createHash } from 'node:crypto'

/** `0:0000.0000.000A`: the last eight digits are the node's number. */
const PILOT_ADDRESS = /^[0-9]+:[0-9A-F]{4}\.([0-9A-F]{4})\.([0-9A-F]{4})$/

export const nodeNumber = (address: string): number => {
  const [, high, low] = PILOT_ADDRESS.exec(address) ?? []
  if (high !== undefined && low !== undefined) return Number.parseInt(high + low, 16)
  return createHash('sha256').update(address).digest().readUInt32BE(0)
}
