/**
 * The corpus: attacks on programs that merge Yjs updates of peers, as data.
 *
 * ```ts
 * const jump = ATTACKS.find(({ name }) => name === 'clock-jump')?.make()
 * ```
 */
import type { Attack } from './attack.ts'
import { CLOCKS } from './clocks.ts'
import { CONTENTS } from './contents.ts'
import { CROWDS } from './crowds.ts'
import { HOT } from './hot.ts'
import { MESSAGES } from './messages.ts'
import { SHAPES } from './shapes.ts'

/** All attacks. The same every time: they draw nothing at random. */
export const ATTACKS: readonly Attack[] = [
  ...CROWDS,
  ...CLOCKS,
  ...CONTENTS,
  ...SHAPES,
  ...HOT,
  ...MESSAGES,
]
