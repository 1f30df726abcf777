/**
 * Two scripts share a map: this one writes, `share-read.ts` sees it, and both count at once.
 * In two terminals, in either order, with a folder that is not there yet:
 *
 *     node --import tsx test/examples/share-write.ts /tmp/share
 *     node --import tsx test/examples/share-read.ts /tmp/share
 */
import { openMap } from 'pilot-gossip'

const [mailbox = '/tmp/share'] = process.argv.slice(2)
const map = await openMap({ swarm: 'share', mailbox, name: 'write' })

map.set('greeting', 'hello')
for (let i = 0; i < 100; i++) map.increment('count') // `set` by both would lose what one counted
console.log('waiting for share-read.ts')

await map.until(() => map.get('count') === 200)
console.log('count', map.get('count'))

// A script that ends takes along what others do not have yet. So each says that it has all, and
// stays until the other has said so.
map.set('seen:write', true)
await map.until(() => map.has('seen:read'))
await map.close()
