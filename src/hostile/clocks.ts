/**
 * Attacks by clocks: ids and deletes ahead of what their writer has written, and of the target's own
 * id. Clocks of a peer that are within the bounds of one update can be used up all the same: Yjs
 * records no authors (see SECURITY.md).
 *
 * ```ts
 * CLOCKS.map(({ name }) => name)
 * ```
 */
import { byUpdates, HOSTILE, times, type UpdateAttack } from './attack.ts'
import { forge, forged } from './forge.ts'

const FAR = 2 ** 40

export const CLOCKS: readonly UpdateAttack[] = [
  byUpdates(
    {
      name: 'clock-jump',
      description: 'one collected struct of 2^40 clocks under the id of an honest peer',
      expected: 'rejected',
      why: 'what the peer writes next would be taken for known and ignored',
    },
    ({ peer }) => [forge([{ writer: peer.writer, clock: peer.clock, structs: [forged.gc(FAR)] }])],
  ),
  byUpdates(
    {
      name: 'clock-jump-deleted',
      description: 'one deleted item of 2^40 clocks under the id of an honest peer',
      expected: 'rejected',
      why: 'the same, by another kind of struct',
    },
    ({ peer, map }) => [
      forge([
        {
          writer: peer.writer,
          clock: peer.clock,
          structs: [forged.deleted({ parent: map, key: 'gone' }, FAR)],
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'clock-jump-skip',
      description: 'a skip of 2^40 clocks under the id of an honest peer, and a struct behind it',
      expected: 'rejected',
      why: 'it would wait for ever for what the peer never writes',
    },
    ({ peer }) => [
      forge([
        {
          writer: peer.writer,
          clock: peer.clock,
          structs: [forged.skip(FAR), forged.gc(1)],
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'clocks-beyond-numbers',
      description: 'a struct that ends beyond 2^53',
      expected: 'rejected',
      why: 'clocks that are no whole numbers any more equal one another',
    },
    () => [forge([{ writer: HOSTILE, clock: Number.MAX_SAFE_INTEGER, structs: [forged.gc(5)] }])],
  ),
  byUpdates(
    {
      name: 'delete-jump',
      description: 'a delete of everything that an honest peer will write in its life',
      expected: 'rejected',
      why: 'Yjs keeps it, and deletes each write of the peer as it comes',
    },
    ({ peer }) => [forge([], [[peer.writer, peer.clock, 2 ** 31]])],
  ),
  byUpdates(
    {
      name: 'deletes-ahead',
      description: 'deletes of the next writes of an honest peer, one an update',
      expected: 'hidden',
      why: 'Yjs keeps them, and deletes each write of the peer as it comes',
    },
    ({ size, peer }) => times(size * 100, (i) => forge([], [[peer.writer, peer.clock + i, 1]])),
  ),
  byUpdates(
    {
      name: 'own-clocks',
      description: "structs under the target's own id, which it never wrote",
      expected: 'rejected',
      why: 'two contents of one id never become equal again',
    },
    ({ own, map }) => [
      forge([{ writer: own, clock: 1_000, structs: [forged.gc(1)] }]),
      forge([
        {
          writer: own,
          clock: 1_000,
          structs: [forged.any({ parent: map, key: 'forged' }, [1])],
        },
      ]),
    ],
  ),
  byUpdates(
    {
      name: 'waiting-for-nothing',
      description: 'updates whose predecessors no one has',
      expected: 'hidden',
      why: 'what waits takes memory, and is looked at again with each update that comes',
    },
    ({ size }) =>
      times(size * 200, (i) =>
        forge([{ writer: HOSTILE + i, structs: [forged.any({ origin: [HOSTILE - 1, i] }, [i])] }]),
      ),
  ),
  byUpdates(
    {
      name: 'waiting-to-fail',
      description:
        'a struct that waits for the next write of an honest peer, and then cannot be read',
      expected: 'rejected',
      why: 'Yjs fails when it merges the honest write, and blames its sender',
    },
    ({ peer }) => [
      forge([
        {
          writer: HOSTILE,
          structs: [
            forged.any({ origin: [peer.writer, peer.clock] }, [1]),
            forged.any({ origin: [HOSTILE, 1] }, [2]),
          ],
        },
      ]),
    ],
  ),
]
