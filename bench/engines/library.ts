/**
 * A library of WebAssembly: 60 ms and 10 MB, for those who ask for it. Required, as an engine's
 * `create` does not wait for an import.
 *
 * ```ts
 * const { LoroDoc }: typeof Loro = requireLibrary('loro-crdt')
 * ```
 */
import { createRequire } from 'node:module'

export const requireLibrary: NodeJS.Require = createRequire(import.meta.url)
