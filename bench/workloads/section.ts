/** The parts of a bench run, in the order in which they are run and shown. A run may be of some of them alone. */
export const SECTIONS = [
  'merges',
  'lost',
  'b3',
  'heap',
  'overwrites',
  'start-up',
  'commits',
] as const

export type Section = (typeof SECTIONS)[number]
