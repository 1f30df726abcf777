/**
 * The seed's rule, kept for comparison: each agent has a state and one number, sends both, and
 * merges what it receives if the number is larger. Concurrent writes with an equal or lower number
 * are lost for good, and deletes cannot be expressed: the key comes back.
 *
 * ```js
 * const a = new ScalarReplica()
 * a.set('k', 1)
 * b.receive(a.push())
 * ```
 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

export interface ScalarPush {
  readonly version: number
  readonly state: JsonObject
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** jq's `a * b`: objects are merged key by key, everything else is replaced by `b`'s. */
export const deepMerge = (a: JsonObject, b: JsonObject): JsonObject => {
  const merged: JsonObject = { ...a }
  for (const [key, value] of Object.entries(b)) {
    const own = merged[key]
    merged[key] = isObject(own) && isObject(value) ? deepMerge(own, value) : value
  }
  return merged
}

export class ScalarReplica {
  #state: JsonObject = {}
  #version = 0

  get state(): Readonly<JsonObject> {
    return this.#state
  }

  get version(): number {
    return this.#version
  }

  /** Writes an entry and increments the version. */
  set(key: string, value: Json): void {
    this.#state = { ...this.#state, [key]: value }
    this.#version++
  }

  /** Removes the key here; the next push that still has it brings it back. */
  delete(key: string): void {
    const { [key]: _, ...rest } = this.#state
    this.#state = rest
    this.#version++
  }

  /** The whole state, as the script sends it. */
  push(): ScalarPush {
    return { version: this.#version, state: this.#state }
  }

  /** Merges if the number is larger; returns whether it did. */
  receive({ version, state }: ScalarPush): boolean {
    if (version <= this.#version) return false
    this.#state = deepMerge(this.#state, state)
    this.#version = version
    return true
  }
}
