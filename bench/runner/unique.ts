/** Each once, in the order in which they came first: `unique([2, 1, 2])` is `[2, 1]`. */
export const unique = <T>(items: readonly T[]): T[] => [...new Set(items)]
