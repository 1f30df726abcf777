/**
 * B1 and B2 of Kevin Jahns's crdt-benchmarks (github.com/dmonad/crdt-benchmarks): in B1 one client
 * edits a text or a list and another one gets each change; in B2 both edit at once, and then exchange
 * their changes.
 *
 * ```ts
 * const rows = runSequences({ engines: [yjsV1], reference: yjsV1, n: 6_000, runs: 3, seed: 1 })
 * ```
 */
import { Random } from '../../test/helpers/random.ts'
import { bytesOf, type Engine, type Message, type SequenceReplica } from '../engines/engine.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, spreadOf } from '../runner/stats.ts'
import { wrongAnswer } from './answer.ts'
import type { MergeOptions } from './merges.ts'

export interface SequencesOptions
  extends Pick<MergeOptions, 'engines' | 'reference' | 'progress' | 'leaveOut' | 'seed'> {
  /** His N; he uses 6,000. */
  readonly n: number
  readonly runs: number
  /** Seconds after which an engine gets no more runs of a workload. */
  readonly budget?: number
}

/** Seconds. */
const BUDGET = 30

/** Characters that both clients of B2 have at the start. */
const SHARED = 100

/** The changes of one client: each call makes one. */
type Edit = (replica: SequenceReplica, at: number) => void
type Edits = readonly [count: number, edit: Edit]

interface Task {
  readonly id: string
  readonly about: string
  /** One list of changes for each client that edits. */
  readonly edits: (n: number, random: Random) => readonly Edits[]
}

const randomText = (length: number, random: Random): string =>
  Array.from({ length }, () => String.fromCharCode(random.int(97, 122))).join('')

// Each keeps the length itself: to ask a replica for it would be most of what is measured.
const insertCharacters = (n: number, random: Random, length = 0): Edits => [
  n,
  (replica, at) =>
    replica.insertText(random.int(0, length + at), String.fromCharCode(random.int(97, 122))),
]

const insertWords = (n: number, random: Random, start = 0): Edits => {
  let length = start
  return [
    n,
    (replica) => {
      const word = `${randomText(random.int(3, 9), random)} `
      replica.insertText(random.int(0, length), word)
      length += word.length
    },
  ]
}

const insertAndDelete = (n: number, random: Random, start = 0): Edits => {
  let length = start
  return [
    n,
    (replica) => {
      const at = random.int(0, length)
      if (at === length || random.chance(0.5)) {
        const text = randomText(random.int(2, 10), random)
        replica.insertText(at, text)
        length += text.length
      } else {
        const count = Math.min(length - at, random.int(1, 9))
        replica.deleteText(at, count)
        length -= count
      }
    },
  ]
}

export const TASKS: readonly Task[] = [
  {
    id: 'B1.1',
    about: 'append N characters',
    edits: (n) => [[n, (replica, at) => replica.insertText(at, 'x')]],
  },
  {
    id: 'B1.2',
    about: 'insert a string of length N',
    edits: (n, random) => [[1, (replica) => replica.insertText(0, randomText(n, random))]],
  },
  {
    id: 'B1.3',
    about: 'prepend N characters',
    edits: (n) => [[n, (replica) => replica.insertText(0, 'x')]],
  },
  {
    id: 'B1.4',
    about: 'insert N characters at random positions',
    edits: (n, random) => [insertCharacters(n, random)],
  },
  {
    id: 'B1.5',
    about: 'insert N words at random positions',
    edits: (n, random) => [insertWords(n, random)],
  },
  {
    id: 'B1.6',
    about: 'insert a string, then delete it',
    edits: (n, random) => [
      [
        2,
        (replica, at) =>
          at === 0 ? replica.insertText(0, randomText(n, random)) : replica.deleteText(0, n),
      ],
    ],
  },
  {
    id: 'B1.7',
    about: 'insert and delete strings at random positions',
    edits: (n, random) => [insertAndDelete(n, random)],
  },
  {
    id: 'B1.8',
    about: 'append N numbers',
    edits: (n) => [[n, (replica, at) => replica.insertNumbers(at, [at])]],
  },
  {
    id: 'B1.9',
    about: 'insert a list of N numbers',
    edits: (n) => [
      [
        1,
        (replica) =>
          replica.insertNumbers(
            0,
            Array.from({ length: n }, (_, at) => at),
          ),
      ],
    ],
  },
  {
    id: 'B1.10',
    about: 'prepend N numbers',
    edits: (n) => [[n, (replica, at) => replica.insertNumbers(0, [at])]],
  },
  {
    id: 'B1.11',
    about: 'insert N numbers at random positions',
    edits: (n, random) => [[n, (replica, at) => replica.insertNumbers(random.int(0, at), [at])]],
  },
  {
    id: 'B2.1',
    about: 'both insert a string of length N at 0',
    edits: (n, random) =>
      [0, 1].map(() => [1, (replica) => replica.insertText(0, randomText(n, random))]),
  },
  {
    id: 'B2.2',
    about: 'both insert N characters at random positions',
    edits: (n, random) => [0, 1].map(() => insertCharacters(n, random, SHARED)),
  },
  {
    id: 'B2.3',
    about: 'both insert N words at random positions',
    edits: (n, random) => [0, 1].map(() => insertWords(n, random, SHARED)),
  },
  {
    id: 'B2.4',
    about: 'both insert and delete strings at random positions',
    edits: (n, random) => [0, 1].map(() => insertAndDelete(n, random, SHARED)),
  },
]

const contentOf = (replica: SequenceReplica): string =>
  JSON.stringify([replica.text(), replica.numbers()])

const timed = <T>(run: () => T): readonly [us: number, result: T] => {
  collect('minor')
  const start = now()
  const result = run()
  return [Math.max(now() - start, 1), result]
}

const editAll = (replica: SequenceReplica, [count, edit]: Edits): Message[] => {
  const updates: Message[] = []
  for (let at = 0; at < count; at++) {
    edit(replica, at)
    updates.push(replica.takeChanges())
  }
  return updates
}

const receiveAll = (replica: SequenceReplica, updates: readonly Message[]): void => {
  for (const update of updates) replica.receive(update)
}

const sample = (engine: Engine, task: Task, n: number, seed: number) => {
  const create = engine.createSequence?.bind(engine)
  if (!create) throw new TypeError(`engine ${engine.name} has no sequences`)
  const random = new Random(seed)
  const [first, second, loaded] = [create(1), create(2), create(3)]
  const [own, others] = task.edits(n, random)
  if (others) {
    first.insertText(0, randomText(SHARED, random))
    second.receive(first.takeChanges())
  }
  // Both clients of B2 write before they exchange; in B1 writing is part of the time, as he has it.
  const theirs = others ? editAll(second, others) : []
  const before = others ? editAll(first, own!) : undefined
  const [us, updates] = timed(() => {
    const ours = before ?? editAll(first, own!)
    receiveAll(second, ours)
    receiveAll(first, theirs)
    return [...ours, ...theirs]
  })
  const [encodeUs, state] = timed(() => first.encodeState())
  const [parseUs] = timed(() => loaded.receive(state))
  const [content, ...copies] = [first, second, loaded].map(contentOf)
  const wrong = copies.find((copy) => copy !== content)
  if (wrong !== undefined)
    throw wrongAnswer(`${engine.name}, ${task.id}, N = ${n}`, wrong.slice(0, 200), 'engine')
  for (const replica of [first, second, loaded]) replica.free?.()
  const updateBytes = updates.reduce((sum, update) => sum + bytesOf(update), 0)
  return { updateBytes, updates: updates.length, docBytes: bytesOf(state), us, encodeUs, parseUs }
}

type Sample = ReturnType<typeof sample>

const runTask = (options: SequencesOptions, task: Task, engines: readonly Engine[]) => {
  const { reference, n, runs, seed, budget = BUDGET } = options
  const sampled = engines.map((engine) => ({ engine, samples: [] as Sample[], spentUs: 0 }))
  for (let run = 0; run < runs; run++) {
    for (const one of sampled) {
      if (run > 0 && one.spentUs > budget * 1e6) continue
      collect('major')
      const start = now()
      one.samples.push(sample(one.engine, task, n, seed))
      one.spentUs += now() - start
    }
  }
  const compared = sampled.find(({ engine }) => engine === reference)?.samples
  return sampled.map(({ engine, samples: own }) => {
    const { updateBytes, updates, docBytes } = own[0]!
    const ratios = compared?.slice(0, own.length).map(({ us }, run) => own[run]!.us / us)
    return {
      id: task.id,
      about: task.about,
      engine: engine.name,
      n,
      // Bytes of one update on average, as he has it.
      updateBytes: updateBytes / updates,
      docBytes,
      samples: own.length,
      us: spreadOf(own.map(({ us }) => us)),
      encodeUs: medianOf(own.map(({ encodeUs }) => encodeUs)),
      parseUs: medianOf(own.map(({ parseUs }) => parseUs)),
      // Times the reference; null if that does not take part.
      ratio: ratios ? medianOf(ratios) : null,
    }
  })
}

export type SequenceRow = ReturnType<typeof runTask>[number]

/** By workload, then engine. Throws a Failure (internal) for a wrong answer. */
export const runSequences = (options: SequencesOptions): SequenceRow[] => {
  const entrants = options.engines.filter(({ name, createSequence }) => {
    const reason = 'it has maps alone'
    if (!createSequence) options.leaveOut?.({ engine: name, workload: 'B1, B2', reason })
    return createSequence !== undefined
  })
  return TASKS.flatMap((task) => {
    options.progress?.(`${task.id}, N = ${options.n}`)
    return runTask(options, task, entrants)
  })
}
