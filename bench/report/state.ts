/** The last cell of a target's row: `stateOf(value <= most)`. */
export const stateOf = (isMet: boolean): string => (isMet ? 'met' : '**missed**')
