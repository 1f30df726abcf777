/**
 * Awareness events that reach every listener. y-protocols stops at the first that throws: those
 * after it hear nothing, and where it listened to `change` no `update` follows, so that what was
 * set is told to no peer. Here all are called, and what they threw is thrown at the end, out of the
 * call that made the change.
 *
 * ```ts
 * const end = emitToAll(awareness)
 * awareness.setLocalState({ name: 'Ada' })   // throws what a listener threw, after all were called
 * end()
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'

type Listener = (...args: readonly unknown[]) => void
type Emit = (name: string, args: readonly unknown[]) => void

/** Events after which y-protocols always emits an `update`: only then may anything be thrown. */
const UNFINISHED: ReadonlySet<string> = new Set(['change', 'destroy'])

/** Who wants it, by awareness. */
const users = new WeakMap<Awareness, number>()

const emitOf = (awareness: Awareness): Emit => {
  let thrown: unknown[] = []
  return (name, args) => {
    const listeners = awareness._observers.get(name) as Iterable<Listener> | undefined
    for (const listener of [...(listeners ?? [])]) {
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

/** From now on, until the function that is returned is called by all who called this. */
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
