/**
 * Collects garbage before a sample, so that a merge does not pay for what was prepared, or merged,
 * before it. Without it some samples of a cell took three times its median.
 *
 * ```ts
 * collect('minor')      // a millisecond: what is young alone
 * ```
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// V8 has no other way to reach its collector than to be asked for it, here rather than on the command line.
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (options?: { type: 'minor' | 'major' }) => void

/**
 * `all` is for measuring memory: `major` leaves what compiled code happens to hold on to, which
 * was 60 MB once.
 */
export const collect = (type: 'minor' | 'major' | 'all'): void =>
  type === 'all' ? gc() : gc({ type })
