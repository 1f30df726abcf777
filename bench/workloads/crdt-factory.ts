/**
 * An engine as Kevin Jahns's crdt-benchmarks ask for one, so that their workloads can be run on
 * it under their own ids: a document that tells each change as it is made.
 *
 * ```ts
 * const updates: Message[] = []
 * const crdt = createFactory(yjsV1).create((update) => updates.push(update))
 * crdt.setMap('v', 1)
 * crdt.getMap()      // Map { 'v' => 1 }
 * ```
 */
import type { Engine, Message, Value } from '../engines/engine.ts'
import { createTime } from './time.ts'

export interface AbstractCrdt {
  getEncodedState(): Message
  applyUpdate(update: Message): void
  /** What `run` applies is one transaction, where the engine has such. */
  transact(run: () => void): void
  setMap(key: string, value: Value): void
  getMap(): ReadonlyMap<string, Value>
  /** Gives back its memory. */
  free(): void
}

/** Is called with what each change here is to tell to others. */
type OnUpdate = (update: Message) => void

export interface CrdtFactory {
  getName(): string
  create(onUpdate: OnUpdate): AbstractCrdt
  /** A document made of an encoded state. */
  load(onUpdate: OnUpdate, state: Message): AbstractCrdt
}

/** As large as Yjs's random ones. */
const FIRST_WRITER = 3_000_000_001

/** A factory whose documents are those of writers one after the other. */
export const createFactory = (engine: Engine): CrdtFactory => {
  const time = createTime()
  let writer = FIRST_WRITER
  const create = (onUpdate: OnUpdate): AbstractCrdt => {
    const replica = engine.create(writer++, time)
    return {
      getEncodedState: () => replica.encodeState(),
      applyUpdate: (update) => replica.receive(update),
      transact: (run) => (replica.transact ? replica.transact(run) : run()),
      setMap(key, value) {
        replica.set([[key, value]])
        onUpdate(replica.takeChanges())
      },
      getMap: () => replica.read(),
      free: () => replica.free?.(),
    }
  }
  return {
    getName: () => engine.name,
    create,
    load(onUpdate, state) {
      const crdt = create(onUpdate)
      crdt.applyUpdate(state)
      return crdt
    },
  }
}
