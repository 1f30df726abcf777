/**
 * The steps of a counter: a document keeps the sum of each writer, and a transaction shows by how
 * much it grew.
 *
 * ```ts
 * watchTransactions(doc, (_, touched) => {
 *   for (const cell of touched) stepsOf(doc, cell.map, cell.key, cell).steps // [{ writer: 7, total: 5, before: 3, value: 8, … }]
 * })
 * addedBy({ total: 5, before: 3 })   // 2
 * ```
 */
import type * as Y from 'yjs'
import { type Cell, valueOfView } from './cell.ts'
import { viewEntry } from './entries.ts'
import { valueOfPlain } from './plain.ts'
import { finite } from './sum.ts'

/** A writer's sum in a counter, after and before the last step; `before` is absent if that was nothing. */
export interface Added {
  readonly total: number
  readonly before?: number | undefined
}

export interface CounterStep extends Added {
  readonly writer: number
  readonly clock: number
  /** The sum of all writers after this step. */
  readonly value: number
}

export interface CounterChange {
  /** The value that is added to, if it is new. */
  readonly base:
    | { readonly writer: number; readonly clock: number; readonly value: unknown }
    | undefined
  /** Oldest first. */
  readonly steps: readonly CounterStep[]
}

/** Digits that a number keeps reliably: a difference of sums has noise beyond them. */
const DIGITS = 15

const tidy = (number: number): number => finite(Number(number.toPrecision(DIGITS)))

/** By how much the last step changed the counter; 0.2 if 0.1 became 0.30000000000000004. */
export const addedBy = ({ total, before = 0 }: Added): number => {
  const step = tidy(total - before)
  return before + step === total ? step : finite(total - before)
}

/** How a transaction changed a counter. Pass its cell if the cell was touched; without it only the plain value was. */
export const stepsOf = (
  doc: Y.Doc,
  map: string,
  key: string,
  cell: Cell | undefined,
): CounterChange => {
  const view = viewEntry(doc, map, key)
  if (!view) return { base: undefined, steps: [] }
  const { hot, plain } = view
  const kept = hot ?? plain
  const isNew = kept !== undefined && (cell === undefined || cell.hasNewValue)
  const base = isNew
    ? { writer: kept.client, clock: kept.clock, value: hot ? hot.value : valueOfPlain(plain) }
    : undefined
  let value = Number(valueOfView(view))
  const steps: CounterStep[] = []
  for (const { part, before } of cell?.steps(view).reverse() ?? []) {
    const step = { writer: part.client, clock: part.clock, total: part.value, before, value }
    steps.unshift(step)
    value = tidy(value - addedBy(step))
  }
  return { base, steps }
}
