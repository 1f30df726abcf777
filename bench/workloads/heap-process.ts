/**
 * A process that prints the memory of one engine's replicas. Standard input is what they receive.
 *
 *     node --import tsx bench/workloads/heap-process.ts ENGINE KEYS SEED text|bytes
 */
import { buffer } from 'node:stream/consumers'
import { ENGINES } from '../engines/index.ts'
import { measureHeap } from './heap.ts'

const [name, keys, seed, kind] = process.argv.slice(2)
const engine = ENGINES.find((one) => one.name === name)
if (!engine) throw new TypeError(`"${name}" is not an engine`)
const bytes = await buffer(process.stdin)
const whole = kind === 'text' ? bytes.toString() : bytes
process.stdout.write(JSON.stringify(measureHeap(engine, Number(keys), Number(seed), whole)))
