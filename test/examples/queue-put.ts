/**
 * Puts tasks into the queue of `queue-work.ts`, prints each result, and ends after the last one.
 * A task is a number, and its result is the square.
 *
 *     node --import tsx test/examples/queue-put.ts /tmp/queue 12
 */
import { openMap } from 'pilot-gossip'

type Result = { by: string; square: number }

const [mailbox = '/tmp/queue', count = '12'] = process.argv.slice(2)
const tasks = await openMap<number>({ swarm: 'queue', mailbox, name: 'put', map: 'tasks' })
const results = tasks.sibling<Result[]>('results') // another map of the same agent

results.observe(({ key, value = [] }) => {
  const { by, square } = value.at(-1) ?? {}
  console.log(`${key} = ${square}, by ${by}${value.length > 1 ? ', once more' : ''}`)
})
tasks.transact(() => {
  for (let n = 1; n <= Number(count); n++) tasks.set(`task:${n}`, n)
})
await results.until(() => tasks.keys().every((task) => results.has(task)))
console.log('all done')
await tasks.close()
