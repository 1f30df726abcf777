/**
 * Entries as text, piece by piece.
 *
 * ```ts
 * const writer = objectWriter()
 * writer.entries([['k', 1]]) + writer.end() // '{\n  "k": 1\n}\n'
 * ```
 */
import type { Entry } from '../control/entry.ts'
import { stringify } from '../control/protocol.ts'

/** Text of the entries, so that the pieces one after another are the file. */
export interface EntryWriter {
  readonly entries: (entries: readonly Entry[]) => string
  readonly end: () => string
}

/** `{"key":"k","value":1}` a line, with the note on its kind. */
export const lineWriter = (): EntryWriter => ({
  entries: (entries) =>
    entries.map(([key, value, about]) => `${stringify({ key, ...about, value })}\n`).join(''),
  end: () => '',
})

/** One object, an entry a line. */
export const objectWriter = (): EntryWriter => {
  let before = '{\n'
  return {
    entries: (entries) => {
      const lines = entries.map(([key, value]) => {
        const line = `${before}  ${JSON.stringify(key)}: ${stringify(value)}`
        before = ',\n'
        return line
      })
      return lines.join('')
    },
    end: () => (before === ',\n' ? '\n}\n' : '{}\n'),
  }
}
