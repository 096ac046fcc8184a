// An API with canned answers, chosen by the text of the query, and the bundle beside it.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serveBundle } from '../../scripts/serve.mjs';

export const bundle =
  process.env.THANOS_UI_OUT ??
  join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), 'dist');

export const hostile =
  '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">\u202eabc';

const config = {
  component: 'query',
  version: '0.0.0-test',
  engines: ['prometheus', 'thanos'],
  defaultEngine: 'prometheus',
  defaultStep: 1,
  partialResponseDefault: true,
  traceUrlTemplate: 'https://traces.example/{traceID}',
  tenant: { enabled: true, header: 'THANOS-TENANT', default: 'default-tenant' },
  serverTimeMs: 0,
};

const failedStore =
  'receive series from Addr: 10.0.0.7:10901 LabelSets: {replica="b"} MinTime: 0 MaxTime: 9: rpc error: code = Unavailable desc = connection refused';

function grid(params) {
  const start = Number(params.get('start'));
  const step = Number(params.get('step') ?? 1);
  const count = Math.floor((Number(params.get('end')) - start) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, i) => start + i * step);
}

function matrix(params, series, value) {
  const times = grid(params);
  return Array.from({ length: series }, (_, s) => ({
    metric: { __name__: 'canned', instance: `host-${s}`, job: s % 2 ? 'api' : 'web' },
    values: times.map((t, i) => [t, String(value(s, i, t))]),
  }));
}

const bounds = ['0.1', '0.25', '0.5', '1', '2.5', '+Inf'];
const buckets = (i) =>
  Array.from({ length: 12 }, (_, b) => [
    0,
    String(2 ** (b - 6)),
    String(2 ** (b - 5)),
    String(Math.round(50 * Math.exp(-((b - 5 - 3 * Math.sin(i / 20)) ** 2) / 4))),
  ]);

const wave = (s, i) => Math.round(1000 * (s + 2 + Math.sin(i / 15 + s))) / 1000;
const stats = {
  timings: { execTotalTime: 0.0123 },
  samples: { totalQueryableSamples: 123456, peakSamples: 99 },
};
const plan = {
  name: 'result: holds its input, 10 steps',
  totalSamples: 10,
  rows: 1,
  children: [
    {
      name: 'sum by (job): holds groups, 10 steps',
      executionTime: '1.5ms',
      rows: 1,
      peakBytes: 2048,
      children: [
        {
          name: 'scan canned[300000ms] with rate(): streams',
          executionTime: '12ms',
          workerTime: '4.5ms',
          series: 200,
          totalSamples: 54321,
          chunkBytes: 1048576,
          fanout: [
            {
              endpointAddr: '10.0.0.1:10901',
              series: 120,
              bytesProcessed: 4096,
              duration: '9ms',
              chunks: 7,
              samples: 99,
            },
            { endpointAddr: hostile, error: hostile },
          ],
        },
      ],
    },
  ],
};

/** What the API answers to a query: [status, body], or a function of the response. */
function queryAnswer(query, params, range) {
  const ok = (data, more = {}) => [
    200,
    {
      status: 'success',
      data: { ...data, stats, analysis: params.get('analyze') ? plan : {} },
      ...more,
    },
  ];
  const size = /^size(\d+)$/.exec(query);
  if (size && range)
    return ok({ resultType: 'matrix', result: matrix(params, Number(size[1]), wave) });
  if (size)
    return ok({
      resultType: 'vector',
      result: Array.from({ length: Number(size[1]) }, (_, s) => ({
        metric: { __name__: 'canned', instance: `host-${s}` },
        value: [1, String(s)],
      })),
    });
  switch (query) {
    case 'empty':
      return ok({ resultType: range ? 'matrix' : 'vector', result: [] });
    case 'partial':
      return ok(
        {
          resultType: range ? 'matrix' : 'vector',
          result: range ? matrix(params, 2, wave) : [{ metric: {}, value: [1, '1'] }],
        },
        { warnings: [failedStore, 'PromQL info: a remark'] },
      );
    case 'hostile':
      return ok(
        {
          resultType: range ? 'matrix' : 'vector',
          result: [
            {
              metric: {
                __name__: hostile,
                [hostile]: hostile,
                long: 'x'.repeat(65_536),
                nul: '\0\ud800',
              },
              ...(range ? { values: grid(params).map((t) => [t, '1']) } : { value: [1, '1'] }),
            },
          ],
        },
        { warnings: [hostile], infos: [hostile] },
      );
    case 'gaps':
      return ok({
        resultType: 'matrix',
        result: matrix(params, 3, (s, i) => (i % 7 === s ? 'NaN' : wave(s, i))).map((one, s) => ({
          ...one,
          values: one.values.filter((_, i) => i % 11 > 4 || s === 0),
        })),
      });
    case 'classic':
      return ok({
        resultType: 'matrix',
        result: bounds.map((le, b) => ({
          metric: { le },
          values: grid(params).map((t, i) => [
            t,
            String((b + 1) * (5 + 4 * Math.sin(i / 10 + b)) + b * 20),
          ]),
        })),
      });
    case 'native':
      return ok(
        range
          ? {
              resultType: 'matrix',
              result: [
                {
                  metric: { job: 'n' },
                  histograms: grid(params).map((t, i) => [
                    t,
                    { count: '100', sum: '321.5', buckets: buckets(i) },
                  ]),
                },
              ],
            }
          : {
              resultType: 'vector',
              result: [
                {
                  metric: { job: 'n' },
                  histogram: [1, { count: '100', sum: '321.5', buckets: buckets(0) }],
                },
              ],
            },
      );
    case 'scalar':
      return ok({ resultType: 'scalar', result: [1, '42'] });
    case 'html':
      return [200, '<html><body>Log in first</body></html>'];
    case 'truncated':
      return [200, '{"status":"success","data":{"resultType":"vec'];
    case 'bad(':
      return [
        400,
        {
          status: 'error',
          errorType: 'bad_data',
          error: `1:4: parse error: unclosed left parenthesis ${hostile}`,
        },
      ];
    case 'denied':
      return [401, 'Unauthorized'];
    case 'busy':
      return [429, 'too many'];
    case 'down':
      return [503, 'starting'];
    case 'slow':
      return null;
    default:
      return ok(
        range
          ? { resultType: 'matrix', result: matrix(params, 3, wave) }
          : {
              resultType: 'vector',
              result: [{ metric: { __name__: query, job: 'a' }, value: [1, '1.50'] }],
            },
      );
  }
}

function readBody(req) {
  return new Promise((resolve) => {
    let text = '';
    req.on('data', (part) => (text += part));
    req.on('end', () => resolve(text));
  });
}

/** {url, close, calls, aborted}: calls lists [path, params] of each request of the API. */
export async function startCanned(prefix = '') {
  const calls = [];
  const state = { aborted: 0 };
  const answer = async (req, res, path) => {
    const url = new URL(path, 'http://local');
    const params = new URLSearchParams(req.method === 'POST' ? await readBody(req) : url.search);
    calls.push([url.pathname, params, req.headers]);
    const send = (status, body) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      res
        .writeHead(status, {
          'Content-Type': typeof body === 'string' ? 'text/html' : 'application/json',
          'X-Thanos-Trace-ID': 'abc123',
        })
        .end(text);
    };
    const success = (data) => send(200, { status: 'success', data });
    const name = url.pathname.replace('/api/v1/', '');
    if (name === 'ui/config')
      return success({ ...config, pathPrefix: prefix, serverTimeMs: Date.now() });
    if (name === 'stores')
      return success({
        sidecar: [
          {
            name: '10.0.0.1:10901',
            lastError: null,
            labelSets: [{ replica: 'a' }],
            minTime: Date.now() - 86400000,
            maxTime: Date.now(),
          },
        ],
        store: [
          { name: '10.0.0.7:10901', lastError: hostile, labelSets: [], minTime: 0, maxTime: 1000 },
        ],
      });
    if (name === 'labels') return success(['__name__', 'instance', 'job']);
    if (name === 'label/__name__/values')
      return success(['canned', 'canned_total', 'http_requests_total']);
    if (name === 'label/job/values') return success(['api', 'web']);
    if (name === 'series') return success([{ __name__: 'canned', job: 'api', instance: 'host-1' }]);
    if (name === 'metadata')
      return success({ canned_total: [{ type: 'counter', help: 'What a can holds.', unit: '' }] });
    if (name === 'format_query')
      return params.get('query') === 'bad('
        ? send(400, { status: 'error', errorType: 'bad_data', error: 'parse error' })
        : success('sum(\n  canned\n)');
    if (name === 'query_exemplars')
      return success([
        {
          seriesLabels: { job: 'a' },
          exemplars: [
            {
              labels: { trace_id: 'feed' },
              value: '2.5',
              timestamp: (Number(params.get('start')) + Number(params.get('end'))) / 2,
            },
          ],
        },
      ]);
    if (name.endsWith('_explain')) return success(plan);
    if (name === 'query' || name === 'query_range') {
      const given = queryAnswer(params.get('query'), params, name === 'query_range');
      if (given === null) {
        res.on('close', () => (state.aborted += 1));
        return undefined;
      }
      return send(...given);
    }
    return send(404, '404 page not found\n');
  };
  const server = await serveBundle({
    folder: bundle,
    prefix,
    answerApi: (req, res, path) => void answer(req, res, path),
  });
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}/`,
    calls,
    state,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
