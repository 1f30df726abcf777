/**
 * Compiles examples, each as a module beside the file that it stands in. An example in a comment
 * may use names that it does not import: what its file exports or imports, what the package
 * exports, and any class or type of ours is imported for it. Anything else (`transport`,
 * `onProblem`) may be of any type. A page must import or declare what it uses.
 *
 * ```ts
 * compileExamples('/project/', fences, modules)  // ['src/a.ts:7: Property 'x' does not exist on type 'A'.']
 * ```
 */
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import ts from 'typescript'
import type { Fence } from './fences.ts'

/** The compiler's messages about an unknown name, which follows in quotes. */
const UNKNOWN: ReadonlySet<number> = new Set([
  2304, 2503, 2552, 2580, 2582, 2584, 2593, 2749, 18004,
])

/** Imports from packages that an example in a comment need not have. */
const PACKAGES: Readonly<Record<string, string>> = {
  Y: `import * as Y from 'yjs'`,
  Repo: `import { Repo } from '@automerge/automerge-repo'`,
  WebsocketProvider: `import { WebsocketProvider } from 'y-websocket'`,
}

/** The module behind each entry of the package, by its name, as a path from the root. */
export const readEntries = (root: string): Record<string, string[]> => {
  const { exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))
  const entries = Object.entries<{ default?: string }>(exports)
    .filter(([, target]) => target.default !== undefined)
    .map(([name, target]): [string, string[]] => [
      posix.join('pilot-gossip', name),
      [`${root}${target.default!.replace(/^\.\/dist\//, '').replace(/\.js$/, '.ts')}`],
    ])
  return Object.fromEntries(entries)
}

interface Example extends Fence {
  readonly path: string
  /** Declarations before its code, on one line. */
  prelude: string
}

class Compiler {
  readonly #options: ts.CompilerOptions
  readonly #host: ts.CompilerHost
  readonly #examples: ReadonlyMap<string, Example>
  #before: ts.Program | undefined

  constructor(root: string, examples: readonly Example[]) {
    this.#examples = new Map(examples.map((example) => [example.path, example]))
    const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile)
    const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, root)
    this.#options = {
      ...options,
      paths: readEntries(root),
      noUnusedLocals: false,
      noUnusedParameters: false,
      noUncheckedIndexedAccess: false,
      exactOptionalPropertyTypes: false,
      noImplicitAny: false,
      verbatimModuleSyntax: false,
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    }
    this.#host = ts.createCompilerHost(this.#options)
    const { fileExists, getSourceFile } = this.#host
    const sources = new Map<string, ts.SourceFile | undefined>()
    this.#host.fileExists = (name) => this.#examples.has(name) || fileExists(name)
    this.#host.getSourceFile = (name, options, ...rest) => {
      const example = this.#examples.get(name)
      if (example) return ts.createSourceFile(name, textOf(example), options)
      if (!sources.has(name)) sources.set(name, getSourceFile(name, options, ...rest))
      return sources.get(name)
    }
  }

  compile(others: readonly string[]): ts.Program {
    const roots = [...this.#examples.keys(), ...others]
    this.#before = ts.createProgram(roots, this.#options, this.#host, this.#before)
    return this.#before
  }
}

const textOf = ({ prelude, code }: Example): string => `${prelude}\n${code}\nexport {}\n`

const faultsOf = (program: ts.Program, path: string): ts.Diagnostic[] => {
  const file = program.getSourceFile(path)
  if (!file) throw new Error(`"${path}" was not compiled`)
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
}

const messageOf = ({ messageText }: ts.Diagnostic): string =>
  ts.flattenDiagnosticMessageText(messageText, ' ')

/** The names of all exports of our modules, each with the modules that have one of that name. */
const readExports = (program: ts.Program, modules: readonly string[]): Map<string, string[]> => {
  const checker = program.getTypeChecker()
  const found = new Map<string, string[]>()
  for (const path of modules) {
    const source = program.getSourceFile(path)
    const symbol = source && checker.getSymbolAtLocation(source)
    for (const { name } of symbol ? checker.getExportsOfModule(symbol) : []) {
      found.set(name, [...(found.get(name) ?? []), path])
    }
  }
  return found
}

/** The names that a file imports, each with the module that it names. */
const importsOf = (program: ts.Program, path: string): Map<string, string> => {
  const names = new Map<string, string>()
  for (const statement of program.getSourceFile(path)?.statements ?? []) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier))
      continue
    const { namedBindings } = statement.importClause ?? {}
    if (!namedBindings || !ts.isNamedImports(namedBindings)) continue
    for (const { name } of namedBindings.elements) {
      names.set(name.text, statement.moduleSpecifier.text)
    }
  }
  return names
}

/**
 * Names that mean something only in a browser (`self`, `open`, `Document`): some package
 * brings those types, and no example means them.
 */
const browserNamesIn = (program: ts.Program, path: string): string[] => {
  const checker = program.getTypeChecker()
  const names: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const isShort = ts.isShorthandPropertyAssignment(node.parent)
      const symbol = isShort
        ? checker.getShorthandAssignmentValueSymbol(node.parent)
        : checker.getSymbolAtLocation(node)
      const isMember = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node
      const files = symbol?.declarations?.map((one) => one.getSourceFile().fileName) ?? []
      const isBrowsers =
        files.length > 0 && files.every((file) => /\/lib\.dom[.\w]*\.ts$/.test(file))
      if (isBrowsers && !isMember && !ts.isPropertyAssignment(node.parent)) names.push(node.text)
    }
    ts.forEachChild(node, visit)
  }
  const source = program.getSourceFile(path)
  if (source) visit(source)
  return names
}

/** Modules whose exports any example may use. */
const DOORS = ['src/index.ts', 'crdt/index.ts', 'src/gossip/index.ts', 'src/maps/index.ts']

/** The number of leading folders that two files share. */
const nearness = (a: string, b: string): number => {
  const [left, right] = [a.split('/'), b.split('/')]
  const at = left.findIndex((part, index) => part !== right[index])
  return at < 0 ? left.length : at
}

/** Resolves the names of an example in a comment. */
class Names {
  readonly #root: string
  readonly #program: ts.Program
  readonly #exported: ReadonlyMap<string, readonly string[]>

  constructor(root: string, program: ts.Program, modules: readonly string[]) {
    this.#root = root
    this.#program = program
    this.#exported = readExports(program, modules)
  }

  /** Names that an example uses and does not declare. */
  unknownIn(path: string): ReadonlySet<string> {
    const unknown = faultsOf(this.#program, path)
      .filter(({ code }) => UNKNOWN.has(code))
      .flatMap((fault) => /'([^']+)'/.exec(messageOf(fault))?.[1] ?? [])
    return new Set([...unknown, ...browserNamesIn(this.#program, path)])
  }

  /** An import of that name for an example in the comments of `own`; undefined if it is a name of its own. */
  importFor(name: string, own: string): string | undefined {
    const modules = this.#exported.get(name) ?? []
    const doors = DOORS.map((door) => `${this.#root}${door}`)
    const isTypeName = /^[A-Z]/.test(name)
    const from =
      modules.find((path) => path === own) ??
      importsOf(this.#program, own).get(name) ??
      modules.find((path) => doors.includes(path)) ??
      (isTypeName ? modules.toSorted((a, b) => nearness(own, b) - nearness(own, a))[0] : undefined)
    return from === undefined ? PACKAGES[name] : `import { ${name} } from '${from}'`
  }
}

/**
 * What does not compile, as `FILE:LINE: MESSAGE`. `modules`: paths of our sources, whose exports
 * comments may use without an import. A class that a comment uses must be one of theirs.
 */
export const compileExamples = (
  root: string,
  fences: readonly Fence[],
  modules: readonly string[],
): string[] => {
  const examples = fences.map((fence, index): Example => {
    const folder = fence.file.endsWith('.md') ? '' : `${posix.dirname(fence.file)}/`
    return { ...fence, path: `${root}${folder}example-${index}.ts`, prelude: '' }
  })
  const compiler = new Compiler(root, examples)
  const paths = modules.map((file) => `${root}${file}`)
  const names = new Names(root, compiler.compile(paths), paths)
  const faults: string[] = []

  for (const example of examples.filter(({ file }) => !file.endsWith('.md'))) {
    for (const name of names.unknownIn(example.path)) {
      const found = names.importFor(name, `${root}${example.file}`)
      example.prelude += `${found ?? `declare let ${name}: any; type ${name} = any`};`
      if (found === undefined && new RegExp(`new ${name}\\b`).test(example.code)) {
        faults.push(`${example.file}:${example.line}: no module exports a class ${name}`)
      }
    }
  }

  const second = compiler.compile(paths)
  for (const example of examples) {
    for (const fault of faultsOf(second, example.path)) {
      const file = second.getSourceFile(example.path)!
      const { line } = file.getLineAndCharacterOfPosition(fault.start ?? 0)
      faults.push(`${example.file}:${example.line + line - 1}: ${messageOf(fault)}`)
    }
  }
  return faults
}
