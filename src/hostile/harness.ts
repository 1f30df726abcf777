/**
 * Runs the update attacks of the corpus against a program that merges Yjs updates, and says what
 * became of an honest map. Each attack meets a target of its own, in which a peer and the target
 * itself have written.
 *
 * ```ts
 * const rows = attack(() => {
 *   const doc = new Y.Doc()
 *   return {
 *     writer: doc.clientID,
 *     apply: (update) => Y.applyUpdate(doc, update),
 *     read: () => doc.getMap('state').toJSON(),
 *     write: (key, value) => doc.getMap('state').set(key, value),
 *     encode: () => Y.encodeStateAsUpdate(doc),
 *   }
 * })
 * console.table(rows.filter(({ isHarmed }) => isHarmed))
 * ```
 */
import * as Y from 'yjs'
import type { Expected, Scene, UpdateAttack } from './attack.ts'
import { ATTACKS } from './attacks.ts'
import { COUNT_KEY, OWN_KEY } from './hot.ts'

/** What is attacked: a document with one map. */
export interface AttackTarget {
  /** The id under which it writes; default one that no attack knows. */
  readonly writer?: number
  /** Merges an update (V1). To refuse it, throws. */
  apply(update: Uint8Array): void
  /** All entries of the map. */
  read(): Readonly<Record<string, unknown>>
  /** Writes an entry. */
  write(key: string, value: unknown): void
  /** All that it has, as one update (V1), for a target that is new; default: not tried. */
  encode?(): Uint8Array
  /** Lets so much time pass that what waits in vain is given up; default: nothing is. */
  idle?(): void
}

export interface AttackOptions {
  /** Factor for the number of items, writers and levels; default 1. */
  readonly size?: number
  /** The map that the target reads and writes; default `state`. */
  readonly map?: string
  /** The attacks; default those of the corpus by updates. */
  readonly attacks?: readonly UpdateAttack[]
}

/** What became of a target. */
export interface AttackRow {
  readonly name: string
  readonly expected: Expected
  /** Updates of the attack, and how many of them were refused. */
  readonly updates: number
  readonly refused: number
  /** What the first refused update threw. */
  readonly threw: string | undefined
  /** Do the honest entries have their values, in a plain object? */
  readonly didSurvive: boolean
  /** Has the map the keys that it had before? */
  readonly isUnchanged: boolean
  /** Did a write of the target succeed, and is it visible? */
  readonly isWritable: boolean
  /** Did the next write of the peer merge, and is it visible? */
  readonly didMerge: boolean
  /** Did a new target get all honest entries? True if the target cannot encode. */
  readonly didTravel: boolean
  /** One of the last five, `isUnchanged` aside, is false. */
  readonly isHarmed: boolean
  /** It was not harmed, and what was expected came true. */
  readonly isAsExpected: boolean
  /** Milliseconds of processor time for the attack itself. */
  readonly ms: number
}

/** An id of an honest peer, far from those of attacks. */
const PEER = 3_000_000_001

/** Written by the peer before the attack. The last one is gone again. */
const HONEST = { text: 'honest', [COUNT_KEY]: 5, list: [1, { two: null }], gone: true }

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error)

/** What it throws, or undefined. */
const thrownBy = (run: () => void): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    return messageOf(error)
  }
}

const isTrue = (test: () => boolean): boolean => {
  try {
    return test()
  } catch {
    return false // a reader that fails has nothing
  }
}

/** Does it have these entries, as own ones of a plain object? */
const has = (entries: Readonly<Record<string, unknown>>, expected: Record<string, unknown>) =>
  Object.getPrototypeOf(entries) === Object.prototype &&
  Object.entries(expected).every(
    ([key, value]) =>
      Object.hasOwn(entries, key) && JSON.stringify(entries[key]) === JSON.stringify(value),
  )

/** The milliseconds of processor time that it takes. */
const measure = (run: () => void): number => {
  const start = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

/** A peer that has written, and what each of its writes changed. */
class Peer {
  readonly doc = new Y.Doc()
  readonly #map: Y.Map<unknown>
  #sent: Uint8Array

  constructor(map: string) {
    this.doc.clientID = PEER
    this.#map = this.doc.getMap(map)
    this.#sent = Y.encodeStateVector(this.doc)
  }

  get clock(): number {
    return Y.getState(this.doc.store, PEER)
  }

  change(edit: (map: Y.Map<unknown>) => void): Uint8Array {
    this.doc.transact(() => edit(this.#map))
    const update = Y.encodeStateAsUpdate(this.doc, this.#sent)
    this.#sent = Y.encodeStateVector(this.doc)
    return update
  }
}

const runAttack = (
  { name, expected, make }: UpdateAttack,
  create: () => AttackTarget,
  { size = 1, map = 'state' }: AttackOptions,
): AttackRow => {
  const target = create()
  const peer = new Peer(map)
  target.apply(
    peer.change((entries) => {
      for (const [key, value] of Object.entries(HONEST)) entries.set(key, value)
    }),
  )
  target.apply(peer.change((entries) => entries.delete('gone')))
  target.write(OWN_KEY, 'first')
  const { gone: _, ...kept } = HONEST
  const honest: Record<string, unknown> = { ...kept, [OWN_KEY]: 'first' }
  const keys = Object.keys(target.read()).sort().join()
  const { clock } = peer
  const update = peer.change((entries) => {
    entries.delete('list')
    entries.set('list', 'later')
  })
  const scene: Partial<Scene> = {
    size,
    map,
    update,
    peer: { writer: PEER, clock },
    ...(target.writer !== undefined && { own: target.writer }),
  }
  const updates = make(scene)

  const thrown: string[] = []
  const ms = measure(() => {
    for (const bytes of updates) {
      const error = thrownBy(() => target.apply(bytes))
      if (error !== undefined) thrown.push(error)
    }
  })
  const didSurvive = isTrue(() => has(target.read(), honest))
  const isUnchanged = isTrue(() => Object.keys(target.read()).sort().join() === keys)
  const isWritable = isTrue(() => {
    target.write(OWN_KEY, 'second')
    target.write('new', [name])
    honest[OWN_KEY] = 'second'
    honest.new = [name]
    return has(target.read(), honest)
  })
  const didMerge = isTrue(() => {
    target.idle?.()
    target.apply(update)
    honest.list = 'later'
    return has(target.read(), honest)
  })
  const didTravel = isTrue(() => {
    if (!target.encode) return true
    const bytes = target.encode()
    const other = create()
    other.apply(bytes)
    return has(other.read(), honest)
  })
  const isHarmed = !(didSurvive && isWritable && didMerge && didTravel)
  const isMet = {
    rejected: thrown.length === updates.length && isUnchanged,
    hidden: isUnchanged,
    harmless: true,
  }
  return {
    name,
    expected,
    updates: updates.length,
    refused: thrown.length,
    threw: thrown[0],
    didSurvive,
    isUnchanged,
    isWritable,
    didMerge,
    didTravel,
    isHarmed,
    isAsExpected: !isHarmed && isMet[expected],
    ms,
  }
}

const BY_UPDATES = ATTACKS.filter((one): one is UpdateAttack => one.against === 'update')

/** Runs the attacks one after the other, each against a target that `create` returns. */
export const attack = (
  create: () => AttackTarget,
  options: AttackOptions = {},
): readonly AttackRow[] =>
  (options.attacks ?? BY_UPDATES).map((one) => runAttack(one, create, options))
