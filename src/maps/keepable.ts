/**
 * The types of values that a map can keep, as far as TypeScript can tell: what JSON can write.
 * An `interface` is none of the JSON types, as others may add fields to it; here it is looked into.
 *
 * ```ts
 * interface Task { owner: string; tags?: readonly string[] }
 * const tasks = new SharedMap<Task>(doc, 'tasks')        // compiles
 * // @ts-expect-error: JSON has no Date
 * const bad = new SharedMap<{ at: Date }>(doc, 'bad')
 * ```
 */

/** JSON that nobody changes. */
export type ReadonlyJson =
  | null
  | boolean
  | number
  | string
  | readonly ReadonlyJson[]
  | { readonly [key: string]: ReadonlyJson }

/** `T` where a part of a value may be of that type, else never. */
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
      // Functions have it, and would else pass as objects without fields.
      readonly [Symbol.hasInstance]?: never
    })
