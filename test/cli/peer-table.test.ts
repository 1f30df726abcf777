/** What `peers` and `status` print about peers: one vocabulary, with the reason if a peer fails. */
import * as assert from 'uvu/assert'
import type { PeerStatus } from '../../src/agent/status.ts'
import type { Io } from '../../src/cli/io.ts'
import { showPeers } from '../../src/cli/peer-table.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('peer table')

const io = { hasColors: false } as Io

const peerOf = (address: string, more: Partial<PeerStatus> = {}): PeerStatus => ({
  address,
  source: 'given',
  lastHeard: null,
  inSync: null,
  failures: 0,
  ...more,
})

test('showPeers: the reason and advice for a failing peer stand below the table', () => {
  const failure = {
    code: 'trust_required',
    message: 'b does not trust this node',
    hint: 'pilotctl handshake b',
  }
  const shown = showPeers(io, [peerOf('a'), peerOf('b', { failures: 2, failure })], 0)
  const lines = shown.trimEnd().split('\n')
  assert.is(lines.length, 4)
  assert.match(lines[2]!, /^b +failing +never +given +2$/)
  assert.is(lines[3], 'b: b does not trust this node (pilotctl handshake b)')
})

test('showPeers: a peer that is not read is ignored, with the reason', () => {
  const grey = { score: -60, scoreReason: 'malformed', isGreyListed: true } as const
  const shown = showPeers(io, [peerOf('a', grey)], 0)
  assert.match(shown, /\na +ignored +never +given +0\na: ignored for a while, .*\(malformed\)\n$/)
})

test('showPeers: a peer that ended or was killed is gone', () => {
  for (const code of ['not_found', 'not_running']) {
    const failure = { code, message: 'nobody is there' }
    const shown = showPeers(io, [peerOf('a', { failures: 1, failure })], 0)
    assert.match(shown, /\na +gone +never +given +1\na: nobody is there\n$/, code)
  }
})

test('showPeers: without failures, only the table', () => {
  assert.is(
    showPeers(io, [peerOf('a')], 0)
      .trimEnd()
      .split('\n').length,
    2,
  )
})

test('showPeers: escapes names that come from peers', () => {
  const failure = { code: 'internal', message: 'x\u001b[2J' }
  const shown = showPeers(io, [peerOf('a', { failures: 1, failure })], 0)
  assert.not.match(shown, '\u001b')
})

test.run()
