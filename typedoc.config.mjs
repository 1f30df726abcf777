/**
 * The API pages, with the guides. A file has one noun, and its head comment describes it with an
 * example. A small plugin gives that comment to each export of the file that has none of its own,
 * and warns of exports without an example. Warnings are errors.
 */
import { readFileSync } from 'node:fs'
import { Comment, Converter, ReflectionKind } from 'typedoc'

const TOP =
  ReflectionKind.Class |
  ReflectionKind.Interface |
  ReflectionKind.Function |
  ReflectionKind.TypeAlias |
  ReflectionKind.Variable

const heads = new Map()

/** Text of the comment that a file begins with. */
const headOf = (file) => {
  if (!heads.has(file)) {
    const [, text = ''] = /^\/\*\*\n?(.*?)\*\//s.exec(readFileSync(file, 'utf8')) ?? []
    heads.set(file, text.replaceAll(/^ ?\* ?/gm, '').trim())
  }
  return heads.get(file)
}

const textOf = (comment) =>
  [...(comment?.summary ?? []), ...(comment?.blockTags ?? []).flatMap(({ content }) => content)]
    .map(({ text }) => text)
    .join('')

const addHeads = (app) => {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const reflection of project.getReflectionsByKind(TOP)) {
      const file = project.getSymbolIdFromReflection(reflection)?.fileName
      if (!file || reflection.parent?.kindOf?.(ReflectionKind.ClassOrInterface)) continue
      const head = headOf(file)
      const owners = reflection.signatures ?? [reflection]
      for (const owner of owners) {
        if (!owner.comment) owner.comment = new Comment([{ kind: 'text', text: head }])
        if (!`${textOf(owner.comment)}${head}`.includes('```'))
          app.logger.warn(`${reflection.getFriendlyFullName()} has no example, nor has ${file}`)
      }
    }
  })
}

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  name: 'pilot-gossip',
  entryPoints: [
    'src/index.ts',
    'src/entries/maps.ts',
    'src/connect-map.ts',
    'src/bridge/index.ts',
    'src/store/level/index.ts',
    'src/entries/gossip.ts',
    'crdt/index.ts',
    'src/testing/index.ts',
    'src/hostile/index.ts',
  ],
  tsconfig: 'tsconfig.build.json',
  out: '.cache/docs',
  readme: 'README.md',
  projectDocuments: [
    'docs/*.md',
    'crdt/PROTOCOL.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
  ],
  plugin: [addHeads],
  highlightLanguages: ['bash', 'console', 'ini', 'js', 'json', 'python', 'ts', 'tsx'],
  disableSources: true,
  hideGenerator: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
    unusedMergeModuleWith: true,
  },
  requiredToBeDocumented: ['Class', 'Interface', 'Function', 'TypeAlias', 'Variable'],
  // Types that only give another a name, or whose values users never make.
  intentionallyNotExported: [
    'JsonObject',
    'Cut',
    'OpenLevel',
    'FinalMessage',
    'ItemOf',
    'Part',
    'ClockOf',
    'Moment',
    'Peers',
    'Identity',
    'Disk',
    'Outbox',
    'Sending',
    'SendFailure',
    'FragmentedText',
    'DecodedUpdate',
  ],
  treatWarningsAsErrors: true,
}
