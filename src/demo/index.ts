/** The demo: a swarm in one process, and the proof that it loses no write. */
export { DEMO_DEFAULTS, type DemoOptions, type DemoResult, type Frame, runDemo } from './demo.ts'
