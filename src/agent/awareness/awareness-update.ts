/**
 * Encodes an awareness update of y-protocols from states that are JSON already.
 *
 * ```ts
 * applyAwarenessUpdate(awareness, encodeUpdate([{ client: 7, clock: 3, json: '{"name":"Ada"}' }]), origin)
 * ```
 */
import * as encoding from 'lib0/encoding'

export interface UpdateEntry {
  readonly client: number
  readonly clock: number
  readonly json: string
}

export const encodeUpdate = (entries: readonly UpdateEntry[]): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeVarUint(encoder, entries.length)
    for (const { client, clock, json } of entries) {
      encoding.writeVarUint(encoder, client)
      encoding.writeVarUint(encoder, clock)
      encoding.writeVarString(encoder, json)
    }
  })
