/**
 * The warnings of the process: the last resort for errors that a program's listeners throw.
 *
 * ```ts
 * const warned = warnings()
 * await until('a warning', () => warned.texts.length > 0)
 * warned.end()
 * ```
 */
export const warnings = (): { readonly texts: string[]; end(): void } => {
  const texts: string[] = []
  const listener = ({ name, message }: Error): void => {
    if (name === 'PilotGossipWarning') texts.push(message)
  }
  process.on('warning', listener)
  return { texts, end: () => void process.off('warning', listener) }
}
