/**
 * Collects garbage before a sample, so that a merge does not pay for earlier work. Without it some
 * samples of a cell took three times its median.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// V8 exposes its collector only by this flag; set here, it need not be on the command line.
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (options?: { type: 'minor' | 'major' }) => void

/**
 * `minor` takes a millisecond. `all` is for measuring memory: `major` leaves what compiled code
 * still references, once 60 MB.
 */
export const collect = (type: 'minor' | 'major' | 'all'): void =>
  type === 'all' ? gc() : gc({ type })
