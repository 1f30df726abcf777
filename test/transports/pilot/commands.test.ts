import * as assert from 'uvu/assert'
import * as commands from '../../../src/transports/pilot/commands.ts'
import { rejects, suite } from '../../helpers/suite.ts'

const test = suite('pilot commands')

test('builds every command', () => {
  assert.equal(commands.info(), ['--json', 'info'])
  assert.equal(commands.version(), ['--json', 'version'])
  assert.equal(commands.sendHelp(), ['send-message', '--help'])
  assert.equal(commands.trust(), ['--json', 'trust'])
  assert.equal(commands.lookup(10), ['--json', 'lookup', '10'])
  assert.equal(commands.find('agent-7.b'), ['--json', 'find', 'agent-7.b'])
  assert.equal(commands.networkMembers(1), ['--json', 'network', 'members', '1'])
  assert.equal(commands.searchPeers('kv'), ['--json', 'peers', '--search', 'swarm:kv'])
  assert.equal(commands.setTags(['a', 'b'], 'core'), ['--json', 'set-tags', 'a', 'b'])
  assert.equal(commands.setTags(['a'], 'extras'), ['--json', 'extras', 'set-tags', 'a'])
})

test('sends by argument or by standard input, to the backbone address of a node', () => {
  const start = [
    '--json',
    'send-message',
    '0:0000.0000.000B',
    '--type',
    'json',
    '--timeout',
    '3000ms',
  ]
  const send = { to: '1:0001.0000.000b', timeoutMs: 2999.2 }
  assert.equal(commands.sendMessage(send), [...start, '--data', '-'])
  for (const payload of ['{"a":1}', '-', '--wait', ''])
    assert.equal(commands.sendMessage({ ...send, payload }), [...start, `--data=${payload}`])
})

test('lets no value become a flag', async () => {
  for (const to of ['--help', '-x', 'agent7', '10', ''])
    await rejects(
      () => commands.sendMessage({ to, timeoutMs: 1 }),
      /invalid_argument .*no.* Pilot address/,
    )
  for (const name of ['--help', '-x', '', 'a b', 'a\0', 'a/b', 'x'.repeat(300)])
    await rejects(() => commands.find(name), /invalid_argument .*hostname/)
  assert.equal(commands.setTags(['--clear', 'a'], 'core'), ['--json', 'set-tags', 'a'])
})

test('spells the tag of a swarm in two ways', async () => {
  assert.equal(commands.swarmTags('kv'), ['swarm:kv', 'swarm-kv'])
  assert.equal(commands.swarmTags('KV_store.1'), ['swarm:KV_store.1', 'swarm-kv-store-1'])
  for (const name of ['', '-x', 'a b', 'a:b', '\u00e9', 'x'.repeat(65)])
    await rejects(() => commands.swarmTags(name), /invalid_argument swarm name .* cannot be used/)
})

test.run()
