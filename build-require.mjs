/**
 * The package for programs that `require` it. What is imported imports Yjs, and what is required
 * must require it: `require('yjs')` and `import 'yjs'` are two copies, whose documents do not know
 * each other's types. So all that is in `dist` is put into one file in CommonJS, which each entry
 * takes its part of; whatever is shared between entries is there once.
 *
 *     node build-require.mjs [DIST]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, posix, relative, resolve, sep } from 'node:path'
import { build } from 'esbuild'

/** What `exports` of package.json names, and where it is in `dist`. */
const ENTRIES = {
  index: 'src/index.js',
  crdt: 'crdt/index.js',
  bridge: 'src/bridge/index.js',
  client: 'src/connect-map.js',
  level: 'src/store/level/index.js',
  maps: 'src/entries/maps.js',
  gossip: 'src/entries/gossip.js',
  testing: 'src/testing/index.js',
  hostile: 'src/hostile/index.js',
}

const dist = resolve(process.argv[2] ?? 'dist')
const out = join(dist, 'require')

/** In the place of `import.meta.url`: the URL of the file as it is in `dist`. Some start others, which lie beside them. */
const urls = {
  name: 'urls',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      const from = JSON.stringify(relative(out, path).split(sep).join('/'))
      const text = readFileSync(path, 'utf8')
      return { contents: text.replaceAll('import.meta.url', `__urlOf(${from})`) }
    })
  },
}

const URL_OF = `const __urlOf = (path) =>
  require('node:url').pathToFileURL(require('node:path').join(__dirname, path)).href`

const getters = Object.entries(ENTRIES).map(
  ([name, path]) => `get ${name}() { return require(${JSON.stringify(`./${path}`)}) }`,
)

await build({
  stdin: { contents: `module.exports = { ${getters.join(', ')} }`, resolveDir: dist },
  outfile: join(out, 'all.cjs'),
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  plugins: [urls],
  banner: { js: URL_OF },
  // So that the paths in it do not depend on where it is built.
  absWorkingDir: dist,
  // Two thirds of the size; names stay, and lines that an error can be found by.
  minifyWhitespace: true,
  keepNames: true,
  lineLimit: 120,
  logLevel: 'warning',
})

mkdirSync(out, { recursive: true })
for (const [name, path] of Object.entries(ENTRIES)) {
  const types = JSON.stringify(posix.join('..', path))
  writeFileSync(join(out, `${name}.cjs`), `module.exports = require('./all.cjs').${name}\n`)
  writeFileSync(join(out, `${name}.d.cts`), `export * from ${types}\n`)
}
