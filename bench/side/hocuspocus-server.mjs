/** Hocuspocus as its guide starts it, in memory and without hooks. Prints its port. */
import { Server } from '@hocuspocus/server'

const server = new Server({ address: '127.0.0.1', port: 0, quiet: true })
await server.listen()
console.log(server.httpServer.address().port)
