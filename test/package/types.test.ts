/**
 * `test/package/types/provider-types.ts` compiles. Not by `tsc` alone, which resolves modules as Node
 * does: Plate's types import one another as a bundler would have it, and what is not found there
 * counts as anything. Here it is found, and what lacks a member is refused.
 */
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import * as assert from 'uvu/assert'
import { suite } from '../helpers/suite.ts'

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

const PROVIDERS = pathOf('types/provider-types.ts')

/** A file that is nowhere: what is no provider, for each of the types. */
const WRONG = pathOf('types/wrong.ts')
const WRONG_TEXT = `
import type { Provider } from '@lexical/yjs'
import type { IYjsProvider } from '@liveblocks/core'
import type { UnifiedProvider } from '@platejs/yjs'
export const lexical: Provider = { connect() {}, disconnect() {}, on() {}, off() {} }
export const liveblocks: IYjsProvider = { synced: true, on() {}, off() {} }
export const plate: UnifiedProvider = { type: 'x', connect() {}, disconnect() {}, destroy() {} }
`

/** What the compiler says of each file, as `wrong.ts:5: …`. */
const diagnose = (): Map<string, readonly string[]> => {
  const config = ts.getParsedCommandLineOfConfigFile(
    pathOf('../../tsconfig.json'),
    { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (fault) => assert.unreachable(`${fault.messageText}`),
    },
  )
  if (!config) throw new Error('tsconfig.json was not read')
  const { options } = config
  const host = ts.createCompilerHost(options)
  const { getSourceFile, fileExists } = host
  host.fileExists = (name) => name === WRONG || fileExists(name)
  host.getSourceFile = (name, ...rest) =>
    name === WRONG
      ? ts.createSourceFile(name, WRONG_TEXT, ts.ScriptTarget.Latest)
      : getSourceFile(name, ...rest)
  const program = ts.createProgram([PROVIDERS, WRONG], options, host)
  return new Map(
    [PROVIDERS, WRONG].map((path) => {
      const file = program.getSourceFile(path)
      const faults = program.getSemanticDiagnostics(file)
      return [
        path,
        faults.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      ]
    }),
  )
}

const test = suite('types')
let faults: ReturnType<typeof diagnose>

test.before(() => {
  faults = diagnose()
})

test('the provider is one for Lexical, Liveblocks and Plate', () => {
  assert.equal(faults.get(PROVIDERS), [])
})

test('what lacks a member is none', () => {
  const [lexical = '', liveblocks = '', plate = '', ...others] = faults.get(WRONG) ?? []
  assert.match(lexical, "'awareness' is missing")
  assert.match(liveblocks, "'getStatus' is missing")
  assert.match(plate, /missing .*awareness, document, isConnected, isSynced/)
  assert.equal(others, [])
})

test.run()
