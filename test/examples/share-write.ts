/**
 * Two scripts share a map: this one writes, `share-read.ts` reads, and both count at the same time.
 * In two terminals, in either order, with a folder that does not exist yet:
 *
 *     node --import tsx test/examples/share-write.ts /tmp/share
 *     node --import tsx test/examples/share-read.ts /tmp/share
 */
import { openMap } from 'pilot-gossip'

const [mailbox = '/tmp/share'] = process.argv.slice(2)
const map = await openMap({ swarm: 'share', mailbox, name: 'write' })

map.set('greeting', 'hello')
for (let i = 0; i < 100; i++) map.increment('count') // with `set`, one script would overwrite the other's count
console.log('waiting for share-read.ts')

await map.until(() => map.get('count') === 200)
console.log('count', map.get('count'))

// What a script has not handed over when it ends is lost. So each script writes that it has
// everything, and stays until the other has written so, too.
map.set('seen:write', true)
await map.until(() => map.has('seen:read'))
await map.close()
