/** How the audit reads npm's answers. */
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'
import { readAnswer } from './audit/answer.ts'

const test = suite('audit')

test('a report without findings is clean', () => {
  const text = '{"auditReportVersion":2,"vulnerabilities":{},"metadata":{}}'
  assert.equal(readAnswer(text), { kind: 'clean' })
})

test('findings are named, with what they come from', () => {
  const ws = {
    severity: 'high',
    range: '<8.17.1',
    via: [{ title: 'DoS by many headers', url: 'https://example.org/a' }],
  }
  const user = { severity: 'high', range: '*', via: ['ws'] }
  const text = JSON.stringify({ auditReportVersion: 2, vulnerabilities: { ws, user } })
  assert.equal(readAnswer(text), {
    kind: 'found',
    findings: ['ws <8.17.1 (high): DoS by many headers https://example.org/a', 'user * (high): ws'],
  })
})

test('a registry without an audit, or no network, is not a clean report', () => {
  const refused = '{"message":"405 Method Not Allowed - POST x","statusCode":405,"error":{}}'
  assert.equal(readAnswer(refused), { kind: 'not run', reason: '405 Method Not Allowed - POST x' })
  const offline = '{"error":{"code":"ENOTFOUND","summary":"no such host","detail":""}}'
  assert.equal(readAnswer(offline), { kind: 'not run', reason: 'no such host' })
  for (const text of ['', 'oops', 'null', '[]', '{}', '{"vulnerabilities":[]}']) {
    assert.equal(readAnswer(text), { kind: 'not run', reason: 'npm gave no report' }, text)
  }
})

test.run()
