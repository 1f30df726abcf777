/**
 * One attack of the corpus: what it sends, and what a program that withstands it does.
 *
 * ```ts
 * for (const { name, against, make } of ATTACKS) if (against === 'update') send(name, make())
 * ```
 */

/** What an attack aims at. Each field has a default, so that `make()` alone gives the attack. */
export interface Scene {
  /** Factor for the number of items, writers and levels; default 1. */
  readonly size: number
  /** The map that is attacked, a root of the document; default `state`. */
  readonly map: string
  /** An honest peer whose writes are known, and the first clock that it has not used. */
  readonly peer: { readonly writer: number; readonly clock: number }
  /** The writer id of the target itself. */
  readonly own: number
  /** An update (V1) of the peer that is not yet known, for attacks that damage it. */
  readonly update: Uint8Array
  /** The swarm that messages name; default `kv`. */
  readonly swarm: string
}

/**
 * `rejected`: all of it is refused, and nothing has changed. `hidden`: it may be merged, but no reader
 * sees it. `harmless`: it may be merged and seen, and honest entries and writes are as they were.
 */
export type Expected = 'rejected' | 'hidden' | 'harmless'

interface Described {
  /** Unique in the corpus, in lower case with hyphens. */
  readonly name: string
  /** What is sent. */
  readonly description: string
  readonly expected: Expected
  /** What it does to a program that does not expect it. */
  readonly why: string
}

/** An attack by updates (V1), which are applied one after the other. */
export interface UpdateAttack extends Described {
  readonly against: 'update'
  /** The updates, the same every time. */
  readonly make: (scene?: Partial<Scene>) => readonly Uint8Array[]
}

/** An attack by the texts of `gossip_push` messages. */
export interface MessageAttack extends Described {
  readonly against: 'message'
  /** The texts, the same every time. */
  readonly make: (scene?: Partial<Scene>) => readonly string[]
}

export type Attack = UpdateAttack | MessageAttack

/** A writer that takes part in nothing but attacks. */
export const HOSTILE = 4_000_000_007

const DEFAULT_SCENE: Scene = {
  size: 1,
  map: 'state',
  peer: { writer: 3_000_000_001, clock: 0 },
  own: 3_000_000_003,
  // One empty update: no writers, no deletes.
  update: Uint8Array.of(0, 0),
  swarm: 'kv',
}

/** An attack of the corpus by updates; `make` gets a whole scene. */
export const byUpdates = (
  attack: Described,
  make: (scene: Scene) => readonly Uint8Array[],
): UpdateAttack => ({
  ...attack,
  against: 'update',
  make: (scene) => make({ ...DEFAULT_SCENE, ...scene }),
})

/** An attack of the corpus by messages; `make` gets a whole scene. */
export const byMessages = (
  attack: Described,
  make: (scene: Scene) => readonly string[],
): MessageAttack => ({
  ...attack,
  against: 'message',
  make: (scene) => make({ ...DEFAULT_SCENE, ...scene }),
})

/** `count` of what `make` returns. */
export const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: Math.max(1, Math.round(count)) }, (_, i) => make(i))
