/** A program that opens a bridge with a client, closes it, and must end by itself: nothing may be left. */
import { until } from '../helpers/until.ts'
import { RawClient } from './clients.ts'
import { openBridge } from './setup.ts'

const { bridge, rooms, url } = await openBridge()
const client = await RawClient.connect(`${url}/r`)
await until('it is in', () => client.frames.length > 0)
await bridge.close()
await client.closed
rooms.destroy()
console.log('closed')
