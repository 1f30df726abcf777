/** A program that opens a bridge with a client, closes it, and must end by itself: nothing may be left. */
import { RawClient, until } from './clients.ts'
import { openBridge } from './setup.ts'

const { bridge, rooms, url } = await openBridge()
const client = await RawClient.connect(`${url}/r`)
await until(() => client.frames.length > 0, 'it is in')
await bridge.close()
await client.closed
rooms.destroy()
console.log('closed')
