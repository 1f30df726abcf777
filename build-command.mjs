/**
 * The program `pilot-gossip` as one file, since scripts call its commands all day: for node it is as
 * much work to find and link forty small files as all else that a `get` does. Only what runs an agent
 * stays outside, and is imported when a command needs it.
 *
 *     node build-command.mjs [DIST]
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { build } from 'esbuild'

/** What loads an agent or a transport, and what no script calls all day. */
const OUTSIDE =
  /^src\/(?:cli\/(?:run|doctor|mcp|points|secret|pilot-checks|demo)|transports\/.*)\.js$/

const dist = resolve(process.argv[2] ?? 'dist')
const program = join(dist, 'bin.cjs')

const outside = {
  name: 'outside',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ path, resolveDir, kind }) => {
      const file = relative(dist, join(resolveDir, path)).split(sep).join('/')
      if (!OUTSIDE.test(file)) return undefined
      if (kind === 'dynamic-import') return { path: `./${file}`, external: true }
      return { errors: [{ text: `each command would load ${file}: import it when it is needed` }] }
    })
  },
}

/** Modules of node by `require`: an `import` in CommonJS first starts all that modules need. */
const builtins = {
  name: 'builtins',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      return { contents: text.replaceAll(/\bimport\(('node:[\w/]+')\)/g, 'require($1)') }
    })
  },
}

// In CommonJS, which node starts sooner. It has no await outside of functions: until `main` has
// ended, the exit code is the one that node has for such an await that never ends.
const ENTRY = `import { processIo } from './src/cli/io.js'
import { main } from './src/cli/main.js'
process.exitCode = 13
main(process.argv.slice(2), processIo()).then((code) => { process.exitCode = code })`

await build({
  stdin: { contents: ENTRY, resolveDir: dist },
  outfile: program,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  plugins: [outside, builtins],
  define: { 'import.meta': '__meta' },
  banner: {
    js: `#!/usr/bin/env node
const __meta = { get url() { return require('node:url').pathToFileURL(__filename).href } }`,
  },
  // So that the paths in it do not depend on where it is built.
  absWorkingDir: dist,
  minifyWhitespace: true,
  minifySyntax: true,
  lineLimit: 120,
  logLevel: 'warning',
})
chmodSync(program, 0o755)

// The program's former place, where a detached agent starts it.
writeFileSync(
  join(dist, 'src', 'bin.js'),
  `#!/usr/bin/env node
import { createRequire } from 'node:module'

createRequire(import.meta.url)('../bin.cjs')
`,
)
