/**
 * The transport contract, part three: hooks that throw, and addresses at which no peer answers.
 *
 * ```ts
 * failureCases(new TransportKit(createWorld, {}))
 * ```
 */
import assert from 'node:assert/strict'
import { type Failure, isFailure } from '../errors.ts'
import type { Incoming, TransportHooks } from '../transports/transport.ts'
import { type ContractCase, rejectionOf } from './contract.ts'
import { Recorder } from './recorder.ts'
import type { TransportKit } from './transport-kit.ts'

const POISONS: readonly (readonly [string, () => void | Promise<void>])[] = [
  [
    'throws',
    () => {
      throw new Error('poison')
    },
  ],
  ['rejects', () => Promise.reject(new Error('poison'))],
  [
    'throws a value that is not an Error',
    () => {
      throw 'poison'
    },
  ],
]

export const failureCases = (kit: TransportKit): readonly ContractCase[] => [
  kit.case(
    'receiveAll that throws: is reported, the batch is consumed, and later messages arrive',
    async (open) => {
      const seen: Incoming[] = []
      const problems: Failure[] = []
      const hooks: TransportHooks = {
        accepts: () => true,
        receive: () => assert.fail('called with single messages'),
        receiveAll: (batch) => {
          seen.push(...batch)
          if (batch.some(({ text }) => text === kit.wrap('bad'))) throw new Error('poison')
        },
        onProblem: (problem) => problems.push(problem),
      }
      const a = await open('a')
      const b = await open('b', hooks)
      await kit.deliver(a, b.address, kit.wrap('bad'), () => problems.length > 0)
      assert.match(problems[0]?.message ?? '', /poison/)
      await kit.deliver(a, b.address, kit.wrap('good'), () =>
        seen.some(({ text }) => text === kit.wrap('good')),
      )
      if (!kit.lossy) assert.equal(seen.filter(({ text }) => text === kit.wrap('bad')).length, 1)
    },
  ),

  ...POISONS.map(([how, fail]) =>
    kit.case(
      `receive that ${how}: is reported, the message is consumed, and later messages arrive`,
      async (open) => {
        const seen = new Recorder(({ text }) => (text === kit.wrap('bad') ? fail() : undefined))
        const a = await open('a')
        const b = await open('b', seen)
        await kit.deliver(a, b.address, kit.wrap('bad'), () => seen.problems.length > 0)
        assert.match(seen.problems[0]?.message ?? '', /poison/)
        assert.ok(isFailure(seen.problems[0]))
        await kit.deliver(a, b.address, kit.wrap('good'), () => seen.has(kit.wrap('good')))
        if (!kit.persistent) return
        await b.close()
        const later = new Recorder()
        const again = await open('b', later)
        await kit.deliver(a, again.address, kit.wrap('after'), () => later.has(kit.wrap('after')))
        assert.ok(!later.has(kit.wrap('bad')), 'the poisonous message came back')
      },
    ),
  ),

  kit.case('hooks that all throw, onProblem too: later messages arrive', async (open) => {
    const seen: string[] = []
    let isBad = true
    const a = await open('a')
    const b = await open('b', {
      accepts: (text) => {
        if (isBad && text === kit.wrap('not to be looked at')) throw new Error('of accepts')
        return true
      },
      receive: ({ text }) => {
        seen.push(text)
        if (isBad) throw new Error('of receive')
      },
      onProblem: () => {
        throw new Error('of onProblem')
      },
    })
    await a.send(b.address, kit.wrap('not to be looked at'))
    await kit.deliver(a, b.address, kit.wrap('bad'), () => seen.includes(kit.wrap('bad')))
    isBad = false
    await kit.deliver(a, b.address, kit.wrap('good'), () => seen.includes(kit.wrap('good')))
  }),

  kit.case(
    'send to a dead address: rejects with a Failure, and delays no other send',
    async (open, world) => {
      const seen = new Recorder()
      const a = await open('a')
      const b = await open('b', seen)
      const dead = await world.dead()
      const lost = Array.from({ length: kit.slow ? 3 : 20 }, (_, index) =>
        rejectionOf(() => a.send(dead, kit.wrap(`lost ${index}`))),
      )
      await kit.deliver(a, b.address, kit.wrap('alive'), () => seen.has(kit.wrap('alive')))
      for (const error of await Promise.all(lost)) assert.ok(isFailure(error), error.message)
    },
  ),
]
