/**
 * Asks the registry for known vulnerabilities of what users install: `npm run audit`. Ends with 1 if
 * there are any, and with 0 if there are none or the registry cannot be asked; then it says so.
 */
import { spawnSync } from 'node:child_process'
import { readAnswer } from './audit/answer.ts'

/** How long npm may take, in milliseconds: a network that drops packets must not hold up CI. */
const TIMEOUT_MS = 60_000

const { stdout } = spawnSync(
  'npm',
  ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=20000'],
  { encoding: 'utf8', timeout: TIMEOUT_MS, shell: process.platform === 'win32' },
)
const outcome = readAnswer(stdout ?? '')
if (outcome.kind === 'clean') console.log('audit: no known vulnerabilities')
if (outcome.kind === 'not run') console.log(`audit: not run: ${outcome.reason}`)
if (outcome.kind === 'found') {
  for (const finding of outcome.findings) console.log(`audit: ${finding}`)
  process.exitCode = 1
}
