// After the bundler: licences, compressed copies, the manifest, the budgets.
//
// dist/ then holds index.html, LICENSES.txt and assets.json as they are, everything else only as
// <path>.br and <path>.gz. Nothing in it depends on time, place or the order of a folder.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ui = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(ui, process.env.THANOS_UI_OUT ?? 'dist');

const TYPES = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/x-icon',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

// Bytes after brotli; what is over fails the build.
const BUDGETS = { entry: 40 * 1024, queryPage: 220 * 1024, everything: 1.2 * 1024 * 1024 };

function filesBelow(folder) {
  const out = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) out.push(...filesBelow(path));
    else out.push(path);
  }
  return out.sort();
}

// Licence texts of what is in the bundle: everything the lock file does not call a dev dependency.
function licences() {
  const lock = JSON.parse(readFileSync(join(ui, 'package-lock.json'), 'utf8'));
  const parts = [];
  for (const [path, entry] of Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (path === '' || entry.dev || entry.devOptional || entry.optional) continue;
    const folder = join(ui, path);
    const file = readdirSync(folder)
      .sort()
      .find((name) => /^licen[cs]e/i.test(name));
    const text = file ? readFileSync(join(folder, file), 'utf8').replace(/\r\n/g, '\n').trim() : '';
    const { license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    if (!license) throw new Error(`${path} names no licence`);
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    parts.push(
      `${name} ${entry.version} (${license})\n\n${text || '(The package ships no text.)'}\n`,
    );
  }
  const rule = '\n' + '-'.repeat(78) + '\n\n';
  return 'The web UI contains these packages.\n' + rule + parts.join(rule);
}

function compress(bytes) {
  const br = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 22,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const gz = gzipSync(bytes, { level: 9 });
  gz[9] = 255; // Operating system "unknown", wherever it was made.
  return { br, gz };
}

function row(path, bytes, packed) {
  const type = TYPES[path.slice(path.lastIndexOf('.') + 1)];
  if (!type) throw new Error(`${path}: no media type for this ending`);
  return {
    path,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    type,
    br: packed ? `${path}.br` : '',
    gz: packed ? `${path}.gz` : '',
  };
}

// Scripts and styles that are loaded when `page` is opened first, found by following imports.
function firstLoad(files, page) {
  const text = (path) => files.get(path)?.toString('utf8') ?? '';
  const entry = [...files.keys()].filter((path) => text('index.html').includes(path));
  // The editor is asked for while the page is drawn, so it belongs to the first load.
  const start = [...files.keys()].filter((path) =>
    new RegExp(`^static/(${page}|editor_setup)-[\\w-]+\\.(js|css)$`).test(path),
  );
  const seen = new Set([...entry, ...start]);
  for (const path of seen) {
    if (!path.endsWith('.js')) continue;
    // Static imports only: import(…) is loaded when it is needed.
    for (const [, name] of text(path).matchAll(/(?:from|import)\s*["']\.\/([^"']+)["']/g)) {
      seen.add(`static/${name}`);
    }
  }
  return { entry, all: [...seen] };
}

const files = new Map();
for (const path of filesBelow(dist)) {
  files.set(relative(dist, path).replaceAll('\\', '/'), readFileSync(path));
}
const licenceText = licences();
writeFileSync(join(dist, 'LICENSES.txt'), licenceText);
files.set('static/licenses.txt', Buffer.from(licenceText));

const rows = [];
const packedSize = new Map();
let everything = 0;
for (const [path, bytes] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const shell = path === 'index.html';
  rows.push(row(path, bytes, !shell));
  if (shell) continue;
  const { br, gz } = compress(bytes);
  writeFileSync(join(dist, `${path}.br`), br);
  writeFileSync(join(dist, `${path}.gz`), gz);
  rmSync(join(dist, path), { force: true });
  packedSize.set(path, br.length);
  everything += br.length + gz.length;
}
writeFileSync(
  join(dist, 'assets.json'),
  `[\n${rows.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`,
);

const sum = (paths) => paths.reduce((total, path) => total + (packedSize.get(path) ?? 0), 0);
const { entry, all } = firstLoad(files, 'query');
const measured = {
  entry: sum(entry.filter((path) => /\.(js|css)$/.test(path))),
  queryPage: sum(all.filter((path) => path.endsWith('.js'))),
  everything,
};
const shellBytes = statSync(join(dist, 'index.html')).size;
for (const [name, bytes] of Object.entries(measured)) {
  console.log(`${name}: ${(bytes / 1024).toFixed(1)} KiB of ${BUDGETS[name] / 1024}`);
}
if (shellBytes > 2048) throw new Error(`index.html has ${shellBytes} bytes, 2048 are allowed`);
for (const [name, bytes] of Object.entries(measured)) {
  if (bytes > BUDGETS[name]) throw new Error(`${name} is over its budget`);
}
// Nothing may write markup or scripts from text. Preact's own line stands behind
// dangerouslySetInnerHTML, which the sources may not name.
const MARKUP =
  /\b(innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML)\b|document\.write\b|\beval\(|new Function\(/g;
for (const path of filesBelow(join(ui, 'src'))) {
  const found = readFileSync(path, 'utf8').match(MARKUP);
  if (found) throw new Error(`${relative(ui, path)}: ${found[0]} is not allowed`);
}
let writers = 0;
for (const [path, bytes] of files) {
  if (path.endsWith('.js'))
    writers += (
      bytes
        .toString('utf8')
        .match(/\.(innerHTML|outerHTML)\s*=[^=]|insertAdjacentHTML|\beval\(|new Function\(/g) ?? []
    ).length;
}
if (writers > 1)
  throw new Error(
    `${writers} places of the bundle write markup or scripts from text; one is known`,
  );
