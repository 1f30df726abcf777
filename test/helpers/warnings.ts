/**
 * What the process warns of: the last resort for what listeners of the program throw.
 *
 * ```ts
 * const warned = warnings()
 * await until('it is told', () => warned.texts.length > 0)
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
