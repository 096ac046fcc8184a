import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultConfig, readConfig } from '../src/api/config';
import { curlOf, encodeParams } from '../src/api/client';
import { timeLabels, valueLabels } from '../src/pages/query/chart_axes';
import { fileName } from '../src/lib/download';
import { DARK, hashText, LIGHT, strokesOf } from '../src/pages/query/colours';
import { remembered } from '../src/pages/query/history';
import { goDurationMs, planRows, splitName } from '../src/pages/query/plan';
import { requestOf, storeSelector } from '../src/pages/query/request';
import { addMatcher, escapePattern, metricsOf } from '../src/pages/query/selectors';
import { neighbourRange, stepOf, stepProblem } from '../src/pages/query/step';
import { NODES_MAX, queryTree, runnable } from '../src/pages/query/tree';
import { labelCounts } from '../src/pages/query/tree_view';
import { newPanel } from '../src/pages/query/url_state';

const panel = newPanel({ partial: true, engine: 'prometheus', tenant: '' });

test("steps are friendly to caches, and never below the server's", () => {
  const hour = 3_600_000;
  assert.equal(stepOf({ density: 'medium' }, hour, 1), 15_000);
  assert.equal(stepOf({ density: 'low' }, hour, 1), 60_000);
  assert.equal(stepOf({ density: 'high' }, hour, 1), 5000);
  assert.equal(stepOf({ density: 'medium' }, 60_000, 1), 1000);
  assert.equal(stepOf({ density: 'medium' }, 60_000, 30), 30_000);
  assert.equal(stepOf({ density: 'medium' }, 3650 * 86_400_000, 1), 15 * 86_400_000);
  assert.equal(stepOf({ stepMs: 1500 }, hour, 60), 1500);
  assert.match(stepProblem(1000, 12_000_000)!, /12,000 points/);
  assert.equal(stepProblem(1000, 11_000_000), null);
});

test('ranges grow and shrink by a list', () => {
  assert.equal(neighbourRange(3_600_000, 1), 7_200_000);
  assert.equal(neighbourRange(3_600_000, -1), 1_800_000);
  assert.equal(neighbourRange(5_400_000, -1), 3_600_000);
  assert.equal(neighbourRange(1000, -1), 1000);
});

test("requests carry what Thanos' own UI sends", () => {
  const asked = { ...panel, expr: 'up', stores: ['a:1'], endMs: 7_200_500, dedup: false };
  const range = requestOf(asked, 'graph', defaultConfig, 0, true);
  assert.equal(range.path, 'api/v1/query_range');
  assert.deepEqual(range.params, {
    query: 'up',
    dedup: false,
    partial_response: true,
    'storeMatch[]': ['{__address__="a:1"}'],
    max_source_resolution: 'auto',
    engine: 'prometheus',
    start: 3600.5,
    end: 7200.5,
    step: 15,
    stats: 'true',
  });
  assert.equal(range.headers['X-Thanos-Force-Tracing'], 'true');
  const instant = requestOf(asked, 'table', defaultConfig, 0, false);
  assert.equal(instant.params['time'], 7200.5);
  assert.deepEqual(instant.headers, {});
  const plan = requestOf(asked, 'explain', defaultConfig, 0, false);
  assert.deepEqual(
    [plan.method, plan.path, plan.params['engine']],
    ['GET', 'api/v1/query_range_explain', 'thanos'],
  );
  assert.equal(requestOf(asked, 'analyze', defaultConfig, 0, false).params['analyze'], 'true');
  assert.equal(storeSelector('a"b'), '{__address__="a\\"b"}');
});

test('"now" is a whole step, so that points keep their places', () => {
  const { params } = requestOf(
    { ...panel, resolution: { stepMs: 60_000 } },
    'graph',
    defaultConfig,
    1_700_000_059_999,
    false,
  );
  assert.deepEqual([params['start'], params['end']], [1_699_996_440, 1_700_000_040]);
  assert.equal(
    requestOf(panel, 'table', defaultConfig, 1_700_000_059_999, false).params['time'],
    1_700_000_059.999,
  );
});

test('the tenant goes where the server reads it', () => {
  const config = {
    ...defaultConfig,
    tenant: { enabled: true, header: 'THANOS-TENANT', default: 'd' },
  };
  assert.deepEqual(requestOf({ ...panel, tenant: 't' }, 'table', config, 0, false).headers, {
    'THANOS-TENANT': 't',
  });
  assert.deepEqual(
    requestOf({ ...panel, tenant: 't' }, 'table', defaultConfig, 0, false).headers,
    {},
  );
});

test('parameters: none, lists, text', () => {
  assert.equal(
    encodeParams({ a: 1, b: undefined, c: null, 'd[]': ['x', 'y z'], e: false }),
    'a=1&d%5B%5D=x&d%5B%5D=y+z&e=false',
  );
});

test('config: wrong types fall back, unknown keys are left out', () => {
  const config = readConfig({
    component: 'rule',
    engines: 'thanos',
    defaultStep: '5',
    tenant: { enabled: true },
    features: ['a'],
    replicaLabels: null,
    evil: 1,
  });
  assert.equal(config.component, 'rule');
  assert.deepEqual(config.engines, defaultConfig.engines);
  assert.equal(config.defaultStep, 1);
  assert.deepEqual(config.tenant, { enabled: true, header: 'THANOS-TENANT', default: '' });
  assert.deepEqual(config.replicaLabels, []);
  assert.equal('evil' in config, false);
  assert.deepEqual(readConfig(null), defaultConfig);
});

test('matchers are added to every selector', () => {
  assert.equal(addMatcher('up', 'a', '=', 'b'), 'up{a="b"}');
  assert.equal(addMatcher('up{}', 'a', '=', 'b'), 'up{a="b"}');
  assert.equal(addMatcher('up{x="y"}', 'a', '!=', 'b'), 'up{x="y", a!="b"}');
  assert.equal(addMatcher('up{x="y",}', 'a', '=', 'b'), 'up{x="y",a="b"}');
  assert.equal(
    addMatcher('sum by (j) (rate(x[5m])) / sum(y{z="}"} offset 1h)', 'a', '=', 'b'),
    'sum by (j) (rate(x{a="b"}[5m])) / sum(y{z="}", a="b"} offset 1h)',
  );
  assert.equal(addMatcher('{__name__="x"}', 'a', '=', 'q"\\'), '{__name__="x", a="q\\"\\\\"}');
  assert.equal(addMatcher('up{a="b"}', 'a', '=', 'b'), 'up{a="b"}');
  assert.equal(addMatcher('up', 'a.b', '=', 'c'), 'up{"a.b"="c"}');
  assert.equal(addMatcher('1 + 1', 'a', '=', 'b'), '1 + 1');
  assert.deepEqual(metricsOf('rate(a[5m]) / on (x) b{c="d"} + a'), ['a', 'b']);
  assert.equal(escapePattern('a.b*'), 'a\\.b\\*');
});

test('plans: names in two parts, times, shares', () => {
  assert.deepEqual(splitName('sum by (job): holds groups, 6 steps'), [
    'sum by (job)',
    'holds groups, 6 steps',
  ]);
  assert.deepEqual(splitName('scan job:x:rate5m{a=": "}[300000ms] with rate(): streams'), [
    'scan job:x:rate5m{a=": "}[5m] with rate()',
    'streams',
  ]);
  assert.deepEqual(splitName('result'), ['result', '']);
  assert.equal(goDurationMs('5.8ms'), 5.8);
  assert.equal(goDurationMs('1m2.5s'), 62_500);
  assert.ok(Math.abs(goDurationMs('16.246µs') - 0.016246) < 1e-12);
  assert.equal(goDurationMs('1h0m0.5s'), 3_600_500);
  assert.equal(goDurationMs(undefined), 0);
  const rows = planRows({
    name: 'a: x',
    children: [
      { name: 'b', executionTime: '2ms', workerTime: '2ms' },
      { name: 'c', executionTime: '1ms' },
    ],
  });
  assert.deepEqual(
    rows.map(({ title, depth, share, path }) => [title, depth, share, path]),
    [
      ['a', 0, 0, '0'],
      ['b', 1, 1, '0.0'],
      ['c', 1, 0.25, '0.1'],
    ],
  );
});

test('colours are stable, and no two alike among 64', () => {
  const names = Array.from({ length: 64 }, (_, i) => `series ${i}`);
  for (const dark of [false, true]) {
    const strokes = strokesOf(names, dark).map(({ colour, dash }) => `${colour} ${dash.join()}`);
    assert.equal(new Set(strokes).size, 64);
  }
  assert.deepEqual(strokesOf(['a'], true), strokesOf(['a', 'b'], true).slice(0, 1));
  assert.equal(
    strokesOf(
      Array.from({ length: 1000 }, (_, i) => `s${i}`),
      true,
    ).length,
    1000,
  );
  assert.equal(hashText(''), 0x811c9dc5);
});

test('every colour is seen on its background: 3:1 and more', () => {
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a: string, b: string): number => {
    const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  for (const colour of LIGHT) assert.ok(contrast(colour, '#ffffff') >= 3, colour);
  for (const colour of DARK) assert.ok(contrast(colour, '#171922') >= 3, colour);
  assert.equal(new Set([...LIGHT, ...DARK]).size, 32);
});

test('axes: the date where a day begins, values that differ look different', () => {
  const noon = Date.UTC(2026, 0, 2, 23, 0) / 1000;
  assert.deepEqual(timeLabels([noon, noon + 3600, noon + 7200], 3600, 'UTC'), [
    '23:00\n01-02',
    '00:00\n01-03',
    '01:00',
  ]);
  assert.deepEqual(timeLabels([noon, noon + 1], 1, 'UTC'), ['23:00:00\n01-02', '23:00:01']);
  assert.deepEqual(valueLabels([100_000, 100_050, null]), ['100k', '100.05k', '']);
});

test('history: newest first, once each, bounded', () => {
  assert.deepEqual(remembered(['a', 'b'], ' b '), ['b', 'a']);
  assert.deepEqual(remembered(['a'], '  '), ['a']);
  assert.equal(
    remembered(
      Array.from({ length: 100 }, (_, i) => String(i)),
      'x',
    ).length,
    100,
  );
  assert.deepEqual(remembered([], 'x'.repeat(30_000)), []);
});

test('names of files are harmless', () => {
  assert.equal(fileName('../../rate(x{a="b"}[5m])', 'csv'), 'rate-x-a-b-5m.csv');
  assert.equal(fileName('😀', 'csv'), 'query.csv');
});

test('curl lines quote what a shell would read', () => {
  const g = globalThis as { document?: unknown };
  g.document = { baseURI: 'http://h/p/' };
  assert.equal(
    curlOf('api/v1/query', { method: 'POST', params: { query: "a{b='c'}" }, headers: { X: 'y' } }),
    `curl -sS -H 'X: y' --data-urlencode 'query=a{b='\\''c'\\''}' 'http://h/p/api/v1/query'`,
  );
  assert.equal(
    curlOf('api/v1/x', { params: { a: 'b' } }),
    `curl -sS -G --data-urlencode 'a=b' 'http://h/p/api/v1/x'`,
  );
  delete g.document;
});

test('an expression as a tree of parts that can be run', () => {
  const rows = (expr: string) =>
    queryTree(expr).map((node) => [node.depth, node.title, runnable(node)]);
  assert.deepEqual(rows('sum by (job) (rate(a{x="(…)"}[5m])) / on (job) group_left b offset 1h'), [
    [
      0,
      '… / on (job) group_left …',
      'sum by (job) (rate(a{x="(…)"}[5m])) / on (job) group_left b offset 1h',
    ],
    [1, 'sum by (job) (…)', 'sum by (job) (rate(a{x="(…)"}[5m]))'],
    [2, 'rate(…)', 'rate(a{x="(…)"}[5m])'],
    [3, 'a{x="(…)"}[5m]', 'last_over_time(a{x="(…)"}[5m])'],
    [1, 'b offset 1h', 'b offset 1h'],
  ]);
  assert.deepEqual(rows('max_over_time((a - b)[1h:5m])'), [
    [0, 'max_over_time(…)', 'max_over_time((a - b)[1h:5m])'],
    [1, '(…)[1h:5m]', 'last_over_time((a - b)[1h:5m])'],
    [2, '… - …', 'a - b'],
    [3, 'a', 'a'],
    [3, 'b', 'b'],
  ]);
  assert.deepEqual(
    rows('histogram_quantile(0.9, x) > 2').map(([, title]) => title),
    ['… > 2', 'histogram_quantile(0.9, …)', 'x'],
  );
  assert.deepEqual(
    rows('x[5m] offset 1h').map(([, , run]) => run),
    ['last_over_time(x[5m] offset 1h)'],
  );
  assert.deepEqual(
    rows('a + b * c @ 5 offset 1h')
      .map(([, , run]) => run)
      .at(-1),
    'c @ 5 offset 1h',
  );
  assert.deepEqual(rows('-a'), [
    [0, '-…', '-a'],
    [1, 'a', 'a'],
  ]);
  assert.deepEqual(rows('1'), [[0, '1', '1']]);
  assert.deepEqual(rows('vector(1)'), [[0, 'vector(1)', 'vector(1)']]);
  assert.deepEqual(rows('sum('), []);
  assert.deepEqual(rows(''), []);
  assert.equal(queryTree(Array.from({ length: 300 }, () => 'a').join(' + ')).length, NODES_MAX);
});

test('labels are counted by their values, most first', () => {
  const sets: Record<string, string>[] = [{ a: '1', b: 'x' }, { a: '2', b: 'x' }, { a: '3' }];
  const series = sets.map((metric) => ({ metric }));
  assert.deepEqual(labelCounts({ resultType: 'vector', result: series }), [
    ['a', 3],
    ['b', 1],
  ]);
});
