/**
 * Presence: each agent writes a heartbeat every second and prints who comes and goes. Run it in
 * several terminals. End one with Ctrl-C (it leaves) and another with `kill -9` (it falls silent):
 *
 *     node --import tsx test/examples/presence.ts /tmp/presence anna
 *     node --import tsx test/examples/presence.ts /tmp/presence bert
 *
 * A heartbeat is the time of its writer's clock, so clocks must agree to about a beat.
 */
import { openMap } from 'pilot-gossip'

const BEAT_MS = 1_000
/** Three beats: one may be late, and one lost. */
const SILENT_MS = 3 * BEAT_MS
/** After that time, the first agent that notices removes the entry of an agent that did not leave. */
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
  beats.delete(name) // other agents see at once that this one left
  await beats.close()
})

beats.observe(look) // also called for the own beat, so silence is noticed within a beat
beat()
