/**
 * The package as a project has it that installed it: built, in a folder outside this one, with its
 * dependencies and nothing else.
 *
 * ```ts
 * const project = await installPackage()
 * project.write('a.ts', "import { openMap } from 'pilot-gossip'")
 * project.diagnose('a.ts')          // the compiler's errors
 * project.remove()
 * ```
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import ts from 'typescript'
import { ROOT } from './cli.ts'
import { temporaryFolder } from './folder.ts'

export interface Project {
  readonly dir: string
  /** Writes a file of the project. */
  write(name: string, text: string): void
  /** Runs it with Node; resolves to its output, rejects if it fails. */
  run(name: string): Promise<string>
  /** The errors of a strict compiler that also checks declarations: `a.ts:1: message`. */
  diagnose(...names: readonly string[]): string[]
  remove(): void
}

const run = promisify(execFile)

/** For a program outside a browser and without `@types/node`. The types of yjs name the DOM. */
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
  module: ts.ModuleKind.NodeNext,
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true,
}

export const installPackage = async (): Promise<Project> => {
  const { dir, remove } = temporaryFolder()
  const modules = join(dir, 'node_modules')
  const own = join(modules, 'pilot-gossip')
  mkdirSync(own, { recursive: true })
  // First, since the bundler reads there that no module has side effects.
  cpSync(join(ROOT, 'package.json'), join(own, 'package.json'))
  const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  await run(process.execPath, [
    compiler,
    ...['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(own, 'dist')],
  ])
  for (const script of ['build-require.mjs', 'build-command.mjs'])
    await run(process.execPath, [join(ROOT, script), join(own, 'dist')])
  for (const name of ['yjs', 'lib0', 'y-protocols', 'execa', 'ws'])
    symlinkSync(join(ROOT, 'node_modules', name), join(modules, name))
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  return {
    dir,
    write: (name, text) => writeFileSync(join(dir, name), text),
    run: async (name) => (await run(process.execPath, [join(dir, name)], { cwd: dir })).stdout,
    diagnose: (...names) => {
      const program = ts.createProgram(
        names.map((name) => join(dir, name)),
        OPTIONS,
      )
      return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
        const line = file && file.getLineAndCharacterOfPosition(start ?? 0).line + 1
        const text = ts.flattenDiagnosticMessageText(messageText, ' ')
        return `${file?.fileName.replace(`${dir}/`, '')}:${line}: ${text}`
      })
    },
    remove,
  }
}
