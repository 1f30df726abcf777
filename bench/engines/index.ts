/** The engines, in the order in which they take turns. A new engine is one line here. */
import { automerge } from './automerge.ts'
import type { Engine } from './engine.ts'
import { lastWriter } from './last-writer.ts'
import { loro } from './loro.ts'
import { pilotGossip, pilotGossipHot } from './pilot-gossip.ts'
import { scalar } from './scalar.ts'
import { scalarJq } from './scalar-jq.ts'
import { yjsV1, yjsV2 } from './yjs.ts'
import { yrs } from './yrs.ts'

/** The engine that ratios compare with. */
export const REFERENCE: Engine = yjsV1

export const ENGINES: readonly Engine[] = [
  scalar,
  scalarJq,
  yjsV1,
  yjsV2,
  yrs,
  pilotGossip,
  pilotGossipHot,
  automerge,
  loro,
  lastWriter,
]

/** The name on the command line, where a space is a hyphen: `pilot-gossip-hot`. */
export const optionOf = ({ name }: Engine): string => name.replaceAll(' ', '-')
