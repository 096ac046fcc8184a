// Builds tests/*.test.ts(x) and gives them to node's own test runner.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ui = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(ui, '.build', 'tests');
const names = readdirSync(join(ui, 'tests')).filter((name) => /\.test\.tsx?$/.test(name));
if (names.length === 0) throw new Error('no tests found');
rmSync(out, { recursive: true, force: true });
await build({
  root: ui,
  configFile: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    ssr: true,
    target: 'node20',
    outDir: out,
    emptyOutDir: true,
    minify: false,
    rolldownOptions: {
      input: Object.fromEntries(
        names.map((name) => [name.replace(/\.tsx?$/, ''), join(ui, 'tests', name)]),
      ),
      output: { entryFileNames: '[name].mjs', chunkFileNames: 'chunks/[name]-[hash].mjs' },
    },
  },
});
const built = readdirSync(out)
  .filter((name) => name.endsWith('.test.mjs'))
  .map((name) => join(out, name));
const run = spawnSync(process.execPath, ['--test', ...process.argv.slice(2), ...built], {
  stdio: 'inherit',
});
process.exit(run.status ?? 1);
