// Serves the built bundle as the binary does (compressed copies, headers, <base>), and passes the
// API on to a running role: for looking at pages without building the binary.
//   node scripts/serve.mjs --port 8080 --api http://127.0.0.1:10902 --prefix /thanos
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ui = dirname(dirname(fileURLToPath(import.meta.url)));

export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; " +
  "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; " +
  "base-uri 'self'; form-action 'none'; frame-ancestors 'none'";

function readBundle(folder) {
  const rows = JSON.parse(readFileSync(join(folder, 'assets.json'), 'utf8'));
  return new Map(
    rows.map((row) => [row.path, { ...row, body: readFileSync(join(folder, row.br || row.path)) }]),
  );
}

function passOn(api, req, res, path) {
  const target = new URL(path, api);
  const asked = request(
    target,
    { method: req.method, headers: { ...req.headers, host: target.host } },
    (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    },
  );
  asked.on('error', (error) => {
    if (!res.headersSent) res.writeHead(502, { 'Content-Type': 'text/plain' });
    res.end(String(error));
  });
  res.on('close', () => asked.destroy());
  req.pipe(asked);
}

/** `answerApi(req, res, path)` takes calls of the API; false: 404. Resolves to a listening server. */
export function serveBundle({ folder = join(ui, 'dist'), port = 0, prefix = '', answerApi }) {
  const files = readBundle(folder);
  const shell = files
    .get('index.html')
    .body.toString('utf8')
    .replace('<base href="/" />', `<base href="${prefix}/" />`);
  const server = createServer((req, res) => {
    const path = new URL(req.url ?? '/', 'http://local').pathname;
    if (!path.startsWith(`${prefix}/`)) return void res.writeHead(404).end('404 page not found\n');
    const inside = path.slice(prefix.length + 1);
    if (/^(api|-)\//.test(inside)) {
      if (answerApi?.(req, res, (req.url ?? '').slice(prefix.length)) === false)
        res.writeHead(404).end('404 page not found\n');
      return undefined;
    }
    const headers = {
      'Content-Security-Policy': CSP,
      'X-Content-Type-Options': 'nosniff',
      'Referrer-Policy': 'no-referrer',
    };
    const file = files.get(inside);
    if (file?.br) {
      return void res
        .writeHead(200, {
          ...headers,
          'Content-Type': file.type,
          'Content-Encoding': 'br',
          'Cache-Control': 'public, max-age=31536000, immutable',
        })
        .end(file.body);
    }
    if (inside.startsWith('static/')) return void res.writeHead(404).end('404 page not found\n');
    return void res
      .writeHead(200, {
        ...headers,
        'Content-Type': 'text/html; charset=utf-8',
        'Cache-Control': 'no-cache',
      })
      .end(shell);
  });
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, fallback) => {
    const at = process.argv.indexOf(`--${name}`);
    return at > 0 ? process.argv[at + 1] : fallback;
  };
  const api = option('api', 'http://127.0.0.1:10902');
  const prefix = option('prefix', '');
  const port = Number(option('port', '8080'));
  await serveBundle({
    folder: option('folder', join(ui, 'dist')),
    port,
    prefix,
    answerApi: (req, res, path) => passOn(api, req, res, path),
  });
  console.log(`http://127.0.0.1:${port}${prefix}/`);
}
