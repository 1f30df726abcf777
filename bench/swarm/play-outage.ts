/**
 * The last agent is without its daemon while the others write: how long after its return is it
 * equal to them? Its own write of that time must reach them too.
 */
import type { Play } from './play.ts'

export const OUTAGE: Play = {
  run: async ({ crew, settings, progress }, measurement) => {
    const { outageSeconds } = settings
    const cut = crew.agents.length - 1
    const node = crew.agents[cut]?.place.node
    if (!node) throw new TypeError('an outage needs a daemon to stop')
    await node.stop()
    progress(`the others write for ${outageSeconds} s, and one has no daemon`)
    measurement.write(cut)
    await measurement.load({
      isOver: (at) => at >= outageSeconds * 1000,
      writers: crew.agents.map((_, at) => at).filter((at) => at !== cut),
    })
    await node.start()
    progress('its daemon is back: waiting for the replicas to be equal')
    await measurement.settle()
    const measured = await measurement.end((agent) => agent !== cut)
    return { ...measured, outage: { seconds: outageSeconds } }
  },
}
