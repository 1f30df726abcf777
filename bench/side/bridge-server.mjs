/**
 * The bridge over an agent that keeps nothing on disk and has no peers: what the other servers do.
 * Prints its port. The argument is the folder of the sources or of the build, and the suffix of its
 * files.
 */
const [root, suffix] = process.argv.slice(2)
const { Agent, MemoryHub, MemoryTransport } = await import(`${root}/index${suffix}`)
const { Bridge } = await import(`${root}/bridge/index${suffix}`)

const agent = new Agent({ swarm: 'side', transport: new MemoryTransport(new MemoryHub(), 'a') })
await agent.start()
const bridge = new Bridge({ rooms: { open: (name) => agent.openRoom(name) }, port: 0 })
console.log((await bridge.listen()).port)
