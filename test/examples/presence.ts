/**
 * Who is there? Each agent writes a heartbeat every second, and tells who comes and goes. In
 * several terminals; end one by Ctrl-C (it leaves) and another by `kill -9` (it falls silent):
 *
 *     node --import tsx test/examples/presence.ts /tmp/presence anna
 *     node --import tsx test/examples/presence.ts /tmp/presence bert
 *
 * A heartbeat is the time by its writer's clock: clocks must agree to about a beat.
 */
import { openMap } from 'pilot-gossip'

const BEAT_MS = 1_000
/** Three beats: one may be late, and one lost. */
const SILENT_MS = 3 * BEAT_MS
/** After that the entry of one who did not leave is removed, by whoever sees it first. */
const FORGET_MS = 60 * BEAT_MS

const [mailbox = '/tmp/presence', name = 'anna'] = process.argv.slice(2)
// Hot: overwritten every second, for months.
const beats = await openMap<number>({ swarm: 'presence', mailbox, name, map: 'beats', hot: true })

const ageOf = (who: string): number => Date.now() - (beats.get(who) ?? 0)

let there: string[] = []
const look = (): void => {
  const before = there
  there = beats.keys().filter((who) => ageOf(who) < SILENT_MS)
  for (const who of there) if (!before.includes(who)) console.log(`+ ${who}`)
  for (const who of before) {
    if (!there.includes(who)) console.log(`- ${who} ${beats.has(who) ? 'is silent' : 'left'}`)
  }
}

const beat = (): void => {
  beats.set(name, Date.now())
  for (const who of beats.keys()) if (ageOf(who) > FORGET_MS) beats.delete(who)
}

const beating = setInterval(beat, BEAT_MS)
process.once('SIGINT', async () => {
  clearInterval(beating)
  beats.delete(name) // all others see at once that we left
  await beats.close()
})

beats.observe(look) // which our own beat calls, too: so silence is noticed within a beat
beat()
