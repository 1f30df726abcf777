/**
 * Two scripts share a map: this one reads what `share-write.ts` writes, and both count at the same
 * time. That file says how to run them.
 */
import { openMap } from 'pilot-gossip'

const [mailbox = '/tmp/share'] = process.argv.slice(2)
const map = await openMap({ swarm: 'share', mailbox, name: 'read' })

map.observe(({ key, old, value, isLocal }) => {
  if (!isLocal) console.log('the other wrote', key, old, '->', value)
})
for (let i = 0; i < 100; i++) map.increment('count')

await map.until(() => map.get('count') === 200)
console.log('greeting', map.get('greeting'))
console.log('count', map.get('count'))

map.set('seen:read', true)
await map.until(() => map.has('seen:write'))
await map.close()
