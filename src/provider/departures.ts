/**
 * Providers that are being destroyed, by transport or agent. A page that mounts twice creates the next
 * provider of the room at once, perhaps with a store in the same folder: it must not read the folder
 * before the previous provider has closed it.
 *
 * ```ts
 * noteDeparture(transport, 'notes', provider.destroy())
 * await departed(transport, 'notes')
 * ```
 */
const departures = new WeakMap<object, Map<string, Promise<unknown>>>()

/** `over` settles when the provider has ended; it may reject. */
export const noteDeparture = (via: object, room: string, over: Promise<unknown>): void => {
  const rooms = departures.get(via) ?? new Map<string, Promise<unknown>>()
  departures.set(via, rooms)
  rooms.set(room, over)
  const forget = (): void => {
    if (rooms.get(room) === over) rooms.delete(room)
  }
  over.then(forget, forget)
}

/** Resolves when every provider of the room that was destroyed before has ended. */
export const departed = async (via: object, room: string): Promise<void> => {
  await Promise.allSettled([departures.get(via)?.get(room)])
}
