/**
 * A process that measures the memory of one engine's replicas and prints it as one line of JSON.
 * What they receive comes on standard input, as text or as bytes.
 *
 *     node --import tsx bench/workloads/heap-child.ts ENGINE KEYS SEED text|bytes
 */
import { buffer, text } from 'node:stream/consumers'
import { ENGINES } from '../engines/index.ts'
import { parseEngines } from '../engines/select.ts'
import { measureHeap } from './heap.ts'

const [name = '', keys, seed, kind] = process.argv.slice(2)
const [engine] = parseEngines(name, ENGINES)
const whole = kind === 'text' ? await text(process.stdin) : await buffer(process.stdin)
process.stdout.write(JSON.stringify(measureHeap(engine!, Number(keys), Number(seed), whole)))
