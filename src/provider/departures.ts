/**
 * Providers that are being destroyed, by what they share their room through. The next one of the
 * room, which a page that mounts twice makes at once, may keep its document in the same folder: it
 * reads that when the one before has closed it.
 *
 * ```ts
 * noteDeparture(transport, 'notes', provider.destroy())
 * await departed(transport, 'notes')
 * ```
 */
const departures = new WeakMap<object, Map<string, Promise<unknown>>>()

/** `over` may reject: it is over then, too. */
export const noteDeparture = (via: object, room: string, over: Promise<unknown>): void => {
  const rooms = departures.get(via) ?? new Map<string, Promise<unknown>>()
  departures.set(via, rooms)
  rooms.set(room, over)
  const forget = (): void => {
    if (rooms.get(room) === over) rooms.delete(room)
  }
  over.then(forget, forget)
}

/** Resolves when no provider of the room that was destroyed before is still there. */
export const departed = async (via: object, room: string): Promise<void> => {
  await Promise.allSettled([departures.get(via)?.get(room)])
}
