/**
 * The types of values that a map can keep, as far as TypeScript can check: what JSON can hold. An
 * `interface` is not assignable to a JSON type, since others may add fields to it; here its fields
 * are checked.
 *
 * ```ts
 * interface Task { owner: string; tags?: readonly string[] }
 * const tasks = new SharedMap<Task>(doc, 'tasks')        // compiles
 * // @ts-expect-error: JSON has no Date
 * const bad = new SharedMap<{ at: Date }>(doc, 'bad')
 * ```
 */

/** Deeply read-only JSON. */
export type ReadonlyJson =
  | null
  | boolean
  | number
  | string
  | readonly ReadonlyJson[]
  | { readonly [key: string]: ReadonlyJson }

/** `T` if a part of a value may be of that type, else never. */
type Part<T> = T extends ReadonlyJson
  ? T
  : T extends (...args: never) => unknown
    ? never
    : T extends object
      ? { readonly [Key in keyof T]: Part<T[Key]> }
      : never

/** A bound for the type `T` of a map's values: `class Store<T extends Keepable<T>>`. */
export type Keepable<T> =
  | ReadonlyJson
  | (object & {
      readonly [Key in keyof T]: Part<T[Key]>
    } & {
      // Functions have it, and would otherwise pass as objects without fields.
      readonly [Symbol.hasInstance]?: never
    })
