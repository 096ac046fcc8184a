import assert from 'node:assert/strict';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { ApiError, call } from '../src/api/client';

// Answers as proxies, starting servers and broken connections give them, by path.
const answers: Record<string, (res: ServerResponse, url: URL) => void> = {
  '/api/ok': (res) => res.end('{"status":"success","data":[1],"warnings":["w",7],"infos":["i"]}'),
  '/api/echo': (res, url) => res.end(JSON.stringify({ status: 'success', data: url.search })),
  '/api/html': (res) =>
    res.end('<html><script>alert(1)</script><body>Please <b>log in</b></body></html>'),
  '/api/truncated': (res) => res.end('{"status":"success","data":[1,'),
  '/api/empty': (res) => res.end(),
  '/api/other': (res) => res.end('{"hello":1}'),
  '/api/400': (res) =>
    res
      .writeHead(400)
      .end(
        '{"status":"error","errorType":"bad_data","error":"1:5: parse error: <script>","warnings":["also"]}',
      ),
  '/api/401': (res) => res.writeHead(401).end('Unauthorized'),
  '/api/429': (res) => res.writeHead(429, { 'Retry-After': '7' }).end('slow down'),
  '/api/500': (res) => res.writeHead(500).end('<h1>Oops</h1>'),
  '/api/503': (res) => res.writeHead(503).end('starting'),
  '/api/reset': (res) => {
    res.writeHead(200, { 'Content-Length': '1000' });
    res.write('{"status":');
    setTimeout(() => res.destroy(), 20);
  },
  '/api/silence': () => undefined,
};

let server: Server;
before(async () => {
  server = createServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://local');
    answers[url.pathname]?.(res, url);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  (globalThis as { document?: unknown }).document = {
    baseURI: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  };
});
after(() => {
  server.closeAllConnections();
  server.close();
  delete (globalThis as { document?: unknown }).document;
});

async function failure(path: string, options = {}): Promise<ApiError> {
  try {
    await call(path, options);
  } catch (error) {
    assert.ok(error instanceof ApiError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${path} did not fail` });
}

test('an answer has data, warnings and infos', async () => {
  const answer = await call<number[]>('api/ok');
  assert.deepEqual(answer.data, [1]);
  assert.deepEqual(answer.warnings, ['w']);
  assert.deepEqual(answer.infos, ['i']);
  assert.ok(answer.text.startsWith('{'));
});

test('parameters arrive', async () => {
  assert.equal(
    (await call<string>('api/echo', { params: { q: 'a b', 'm[]': ['x', 'y'] } })).data,
    '?q=a+b&m%5B%5D=x&m%5B%5D=y',
  );
});

test('every bad answer is told apart', async () => {
  const seen = async (path: string) => {
    const error = await failure(path);
    return [error.kind, error.status, error.errorType];
  };
  assert.deepEqual(await seen('api/400'), ['api', 400, 'bad_data']);
  assert.deepEqual(await seen('api/401'), ['auth', 401, '']);
  assert.deepEqual(await seen('api/429'), ['busy', 429, '']);
  assert.deepEqual(await seen('api/500'), ['format', 500, '']);
  assert.deepEqual(await seen('api/503'), ['unavailable', 503, '']);
  assert.deepEqual(await seen('api/html'), ['format', 200, '']);
  assert.deepEqual(await seen('api/truncated'), ['format', 200, '']);
  assert.deepEqual(await seen('api/empty'), ['format', 200, '']);
  assert.deepEqual(await seen('api/other'), ['format', 200, '']);
  assert.deepEqual(await seen('api/reset'), ['network', 0, '']);
});

test('what is said stays in the words of the server, without markup of proxies', async () => {
  assert.match((await failure('api/html')).message, /HTML instead of JSON: Please log in$/);
  assert.equal((await failure('api/400')).message, '1:5: parse error: <script>');
  assert.deepEqual((await failure('api/400')).warnings, ['also']);
  assert.equal((await failure('api/429')).retryAfterMs, 7000);
  assert.match((await failure('api/503')).curl, /^curl -sS 'http:\/\/127\.0\.0\.1:\d+\/api\/503'$/);
});

test('a silent server ends at our deadline', async () => {
  assert.equal((await failure('api/silence', { timeoutMs: 50 })).kind, 'timeout');
});

test('cancelling ends the call, before and while it runs', async () => {
  const control = new AbortController();
  setTimeout(() => control.abort(), 30);
  assert.equal((await failure('api/silence', { signal: control.signal })).kind, 'aborted');
  assert.equal((await failure('api/ok', { signal: control.signal })).kind, 'aborted');
});

test('no server at all', async () => {
  const g = globalThis as { document?: unknown };
  const kept = g.document;
  g.document = { baseURI: 'http://127.0.0.1:1/' };
  assert.equal((await failure('api/ok')).kind, 'network');
  g.document = kept;
});
