// Bundles the console into ../dist, or into the folder that is named. The same packages give the same bytes.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as esbuild from 'esbuild';

const source = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(source, '..', 'dist'));

/** GraphiQL carries two web fonts of 0.3 MB inside its style sheet. The system's own serve as well. */
const systemFonts = {
  name: 'system-fonts',
  setup(build) {
    build.onLoad({ filter: /graphiql\/dist\/style\.css$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8')
        .replace(/@font-face\s*{[^}]*}/g, '')
        .replaceAll('"Roboto", sans-serif', 'system-ui, sans-serif')
        .replaceAll('"Fira Code", monospace', 'ui-monospace, monospace');
      const left = contents.match(/@font-face|Roboto|Fira|url\((?!"?data:)/);
      return left ? { errors: [{ text: `${left[0]} is still in ${path}` }] } : { contents, loader: 'css' };
    });
  },
};

/** Packages that name their licence without its text, each with one of the same authors and licence that has it. */
const stateNoLicenceText = {
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@graphiql/plugin-history': 'graphiql',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
  'toggle-selection': 'copy-to-clipboard',
};

const { metafile, outputFiles } = await esbuild.build({
  absWorkingDir: source,
  entryPoints: { graphiql: 'main.jsx' },
  outdir: folder,
  alias: { 'react-style-singleton': './style-singleton.js' },
  bundle: true,
  define: { 'process.env.NODE_ENV': '"production"' },
  format: 'iife',
  jsx: 'automatic',
  legalComments: 'none',
  loader: { '.graphql': 'text' },
  metafile: true,
  minify: true,
  plugins: [systemFonts],
  target: 'es2022',
  write: false,
});

await mkdir(folder, { recursive: true });
await copyFile(join(source, 'index.html'), join(folder, 'index.html'));
for (const { path, contents } of outputFiles) {
  await writeFile(`${path}.gz`, execFileSync('gzip', ['-9', '-n', '-c'], { input: contents, maxBuffer: 2 ** 26 }));
}
await writeFile(join(folder, 'LICENSES.txt'), licences(bundledPackages()));

/** The folders of the packages that left at least one byte in the bundle, by name. */
function bundledPackages() {
  const found = new Map();
  for (const { inputs } of Object.values(metafile.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      const [root] = path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? [];
      if (root && bytesInOutput > 0) {
        found.set(root, JSON.parse(readFileSync(join(source, root, 'package.json'), 'utf8')));
      }
    }
  }
  return [...found].sort(([, a], [, b]) => (a.name < b.name ? -1 : 1));
}

/** One text for all packages; packages with the very same licence text share it. */
function licences(packages) {
  const texts = new Map();
  for (const [root, { name, version, license }] of packages) {
    const path = licenceFile(root) ?? licenceFile(join(root.slice(0, -name.length), stateNoLicenceText[name] ?? ''));
    if (!path) {
      throw new Error(`${name} ${version} (${license}) ships no licence file: find out whose text applies`);
    }
    const text = readFileSync(path, 'utf8').replaceAll('\r\n', '\n').trim();
    texts.set(text, [...(texts.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const rule = '-'.repeat(80);
  const sections = [...texts].map(([text, names]) => `${names.join('\n')}\n\n${text}\n`);
  return ['The console is made of these packages.\n', ...sections].join(`\n${rule}\n\n`);
}

function licenceFile(root) {
  const file = readdirSync(join(source, root)).find((file) => /^licen[sc]e/i.test(file));
  return file && join(source, root, file);
}
