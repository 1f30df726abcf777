/**
 * Awareness events that reach every listener. y-protocols stops at the first listener that throws:
 * later ones are not called, and after a `change` no `update` follows, so the change is sent to no
 * peer. Here all listeners are called, and the first error is thrown at the end, from the call that
 * made the change.
 *
 * ```ts
 * const end = emitToAll(awareness)
 * awareness.setLocalState({ name: 'Ada' })   // throws what a listener threw, after all were called
 * end()
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import { yjsInner } from '../../../crdt/index.ts'

type Emit = (name: string, args: readonly unknown[]) => void

/** y-protocols always emits an `update` after these events, so an error is thrown only after that. */
const UNFINISHED: ReadonlySet<string> = new Set(['change', 'destroy'])

/** The number of callers that need it, by awareness. */
const users = new WeakMap<Awareness, number>()

const emitOf = (awareness: Awareness): Emit => {
  let thrown: unknown[] = []
  return (name, args) => {
    for (const listener of yjsInner.listenersOf(awareness, name)) {
      try {
        listener(...args)
      } catch (error) {
        thrown.push(error)
      }
    }
    if (UNFINISHED.has(name) || thrown.length === 0) return
    const [first] = thrown
    thrown = []
    throw first
  }
}

/** Starts it for this awareness. It ends when every caller has called the function it got. */
export const emitToAll = (awareness: Awareness): (() => void) => {
  const before = users.get(awareness) ?? 0
  users.set(awareness, before + 1)
  if (before === 0) awareness.emit = emitOf(awareness) as Awareness['emit']
  let isOver = false
  return () => {
    if (isOver) return
    isOver = true
    const left = (users.get(awareness) ?? 1) - 1
    users.set(awareness, left)
    if (left === 0) Reflect.deleteProperty(awareness, 'emit')
  }
}
