/**
 * The floor: a Map whose entries carry a Lamport clock and their writer; of two the higher wins.
 * It has no deletes and no nested types and checks nothing, so no merge can be much cheaper.
 */
import { type Engine, type Entry, textOf, type Value } from './engine.ts'

interface Stamped {
  readonly value: Value
  readonly clock: number
  readonly writer: number
}

type Row = [key: string, value: Value, clock: number, writer: number]

export const lastWriter: Engine = {
  name: 'last-writer',
  about: 'a plain Map, the later write wins; JSON; the floor',
  converges: true,
  create(writer) {
    const entries = new Map<string, Stamped>()
    let now = 0
    let changed = new Set<string>()
    const encode = (keys: Iterable<string>): string => {
      const rows: Row[] = []
      for (const key of keys) {
        const { value, clock, writer: author } = entries.get(key)!
        rows.push([key, value, clock, author])
      }
      return JSON.stringify(rows)
    }
    return {
      set(written) {
        now++
        for (const [key, value] of written) {
          entries.set(key, { value, clock: now, writer })
          changed.add(key)
        }
      },
      encodeState: () => encode(entries.keys()),
      takeChanges() {
        const keys = changed
        changed = new Set()
        return encode(keys)
      },
      receive(message) {
        for (const [key, value, clock, author] of JSON.parse(textOf(message)) as Row[]) {
          const own = entries.get(key)
          now = Math.max(now, clock)
          if (own && (own.clock > clock || (own.clock === clock && own.writer >= author))) continue
          entries.set(key, { value, clock, writer: author })
        }
      },
      read: () => new Map([...entries].map(([key, { value }]): Entry => [key, value])),
    }
  },
}
