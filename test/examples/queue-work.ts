/**
 * A work queue without a server: workers claim tasks and do them until Ctrl-C. In several terminals:
 *
 *     node --import tsx test/examples/queue-put.ts /tmp/queue 12
 *     node --import tsx test/examples/queue-work.ts /tmp/queue anna
 *     node --import tsx test/examples/queue-work.ts /tmp/queue bert
 *
 * A worker writes its claim, waits SETTLE_MS, and works if the claim is still there. Of concurrent
 * claims the same one wins everywhere, and all workers know the winner if a write reaches each of
 * them within half of SETTLE_MS. A worker that stalls or is cut off for longer may do a task that
 * another worker does, too. So use the queue for tasks that can be done twice.
 *
 * A worker that dies stops renewing its claim, and another takes over after LEASE_MS. The clocks of
 * the workers must agree to well within that.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { openMap } from 'pilot-gossip'

type Claim = { by: string; at: number }
type Result = { by: string; square: number }

const SETTLE_MS = 500
const RENEW_MS = 500
const LEASE_MS = 3_000

const [mailbox = '/tmp/queue', name = 'anna', workMs = '100'] = process.argv.slice(2)
const tasks = await openMap<number>({ swarm: 'queue', mailbox, name, map: 'tasks' })
const results = tasks.sibling<Result[]>('results')
// Hot: claims are overwritten all the time, and overwrites leave nothing behind.
const claims = tasks.sibling<Claim>('claims', { hot: true })

const isOpen = (task: string): boolean => !results.has(task)
const claim = (task: string): unknown => claims.set(task, { by: name, at: Date.now() })
/** The worker whose claim is valid now; undefined if there is none. */
const holderOf = (task: string): string | undefined => {
  const { by, at } = claims.get(task) ?? { by: '', at: 0 }
  return Date.now() - at < LEASE_MS ? by : undefined
}

const work = async (task: string): Promise<void> => {
  console.log(`working on ${task}`)
  const renewal = setInterval(() => holderOf(task) === name && claim(task), RENEW_MS)
  const n = tasks.get(task) ?? 0
  await sleep(Number(workMs))
  clearInterval(renewal)
  console.log(`did ${task}`)
  tasks.transact(() => {
    results.append(task, { by: name, square: n * n }) // `set` would lose one of two concurrent results
    claims.delete(task)
  })
}

let isOver = false
process.once('SIGINT', () => {
  isOver = true
})
console.log('waiting for tasks')
while (!isOver) {
  const free = tasks.keys().filter((task) => isOpen(task) && !holderOf(task))
  const task = free[Math.floor(Math.random() * free.length)] // a random one, so that few workers want the same
  if (task !== undefined) claim(task)
  await sleep(SETTLE_MS)
  if (task !== undefined && holderOf(task) === name && isOpen(task)) await work(task)
}
await tasks.close()
