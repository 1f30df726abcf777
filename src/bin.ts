#!/usr/bin/env node
/** The program `pilot-gossip`. */
import { processIo } from './cli/io.ts'
import { main } from './cli/main.ts'

const args = process.argv.slice(2)
const isRun = args.find((arg) => !arg.startsWith('-')) === 'run'

// A running agent does its work with nobody reading what it prints; other commands are over.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (isRun) return
  // A reader that has had enough, as `head` has, is no failure.
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`pilot-gossip: standard output cannot be written: ${error.message}\n`)
  process.exit(1)
})
// There is no place left to tell it.
process.stderr.on('error', () => undefined)

process.exitCode = await main(args, processIo())
