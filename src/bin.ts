#!/usr/bin/env node
/** The program `pilot-gossip`. */
import { processIo } from './cli/io.ts'
import { isService, main } from './cli/main.ts'

const args = process.argv.slice(2)

process.exitCode = await main(
  args,
  processIo(() => isService(args)),
)
