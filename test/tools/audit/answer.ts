/** What `npm audit --json` answers, read as one of three outcomes. */

export type Outcome =
  | { readonly kind: 'clean' }
  | { readonly kind: 'found'; readonly findings: readonly string[] }
  | { readonly kind: 'not run'; readonly reason: string }

type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A package's advisories; a finding that is only inherited names the packages it comes from. */
const titlesOf = (via: unknown): string =>
  (Array.isArray(via) ? via : [])
    .map((cause: unknown) => (isFields(cause) ? `${cause.title} ${cause.url ?? ''}`.trim() : cause))
    .join('; ')

/** Reads npm's answer. Only a report counts as run: what is not one never counts as clean. */
export const readAnswer = (text: string): Outcome => {
  const answer = parsed(text)
  if (!isFields(answer)) return { kind: 'not run', reason: 'npm gave no report' }
  if (!isFields(answer.vulnerabilities)) {
    const error = isFields(answer.error) ? answer.error : {}
    const reason = answer.message || error.summary || error.code || 'npm gave no report'
    return { kind: 'not run', reason: String(reason) }
  }
  const findings = Object.entries(answer.vulnerabilities).map(([name, finding]) =>
    isFields(finding)
      ? `${name} ${finding.range ?? ''} (${finding.severity}): ${titlesOf(finding.via)}`
      : name,
  )
  return findings.length === 0 ? { kind: 'clean' } : { kind: 'found', findings }
}
