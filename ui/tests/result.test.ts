import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../src/api/client';
import { graphCsv, tableCsv } from '../src/pages/query/csv';
import {
  checkQueryData,
  graphDataOf,
  type HistogramValue,
  numberOf,
  quoteLabel,
  seriesName,
} from '../src/pages/query/result';
import { exemplarsOf, EXEMPLARS_MAX, traceHref, traceIdOf } from '../src/pages/query/exemplars';
import { hasHeat, heatOf, stack } from '../src/pages/query/heat';
import { coverageOf, readStores } from '../src/pages/query/stores';

const grid = { startMs: 1000, endMs: 5000, stepMs: 1000 };

test('series are named as selectors that can be run', () => {
  assert.equal(seriesName({ __name__: 'up', job: 'a' }), 'up{job="a"}');
  assert.equal(seriesName({ __name__: 'up' }), 'up');
  assert.equal(seriesName({}), '{}');
  assert.equal(seriesName({ __name__: 'my.metric', 'a.b': 'c' }), '{"my.metric", "a.b"="c"}');
  assert.equal(seriesName({ a: 'x"y\\z\n' }), '{a="x\\"y\\\\z\\n"}');
  assert.equal(quoteLabel('<script>'), '"<script>"');
});

test('values of the API', () => {
  assert.equal(numberOf('+Inf'), Infinity);
  assert.equal(numberOf('-Inf'), -Infinity);
  assert.ok(Number.isNaN(numberOf('NaN')));
  assert.equal(numberOf('1e-7'), 1e-7);
});

test('answers that are no results are refused', () => {
  for (const bad of [
    null,
    undefined,
    1,
    [],
    {},
    { resultType: 'matrix' },
    { resultType: 'x', result: [] },
    { resultType: 'vector', result: [null] },
    { resultType: 'vector', result: [{}] },
  ]) {
    assert.throws(() => checkQueryData(bad), ApiError);
  }
  assert.ok(checkQueryData({ resultType: 'scalar', result: [1, '2'] }));
});

test('a matrix is laid out on its grid; gaps stay gaps', () => {
  const data = graphDataOf(
    [
      {
        metric: { a: '1' },
        values: [
          [1, '1'],
          [2, 'NaN'],
          [4, '3'],
        ],
      },
    ],
    grid,
  );
  assert.deepEqual(data.xs, [1, 2, 3, 4, 5]);
  const series = data.series[0]!;
  assert.deepEqual(series.values, [1, NaN, null, 3, null]);
  assert.deepEqual(series.lonely, [3]);
  assert.deepEqual(series.summary, { min: 1, max: 3, mean: 2, last: 3 });
});

test('points outside of the grid are left out', () => {
  const data = graphDataOf(
    [
      {
        metric: {},
        values: [
          [-5, '1'],
          [99, '2'],
          [3, '7'],
        ],
      },
    ],
    grid,
  );
  assert.deepEqual(data.series[0]!.values, [null, null, 7, null, null]);
});

test('of too many series those with the greatest last value are drawn', () => {
  const raw = Array.from({ length: 30 }, (_, i) => ({
    metric: { i: String(i) },
    values: [[1, String(i)] as const],
  }));
  const data = graphDataOf(raw, grid, 10);
  assert.equal(data.total, 30);
  assert.deepEqual(
    data.series.map(({ labels }) => labels['i']),
    ['29', '28', '27', '26', '25', '24', '23', '22', '21', '20'],
  );
});

test('CSV of a vector: quoted, and no formulas in labels', () => {
  const csv = tableCsv(
    {
      resultType: 'vector',
      result: [
        { metric: { __name__: 'm', b: '=1+1', a: 'x,"y"\r\nz' }, value: [1.5, '-Inf'] },
        { metric: { __name__: 'm', a: '-cmd' }, value: [1.5, '-3'] },
      ],
    },
    'PARTIAL\nRESULT',
  );
  assert.equal(
    csv,
    '# PARTIAL RESULT\r\n__name__,a,b,timestamp,value\r\nm,"x,""y""\r\nz",\'=1+1,1.5,-Inf\r\nm,\'-cmd,,1.5,-3\r\n',
  );
});

test('CSV of a graph: a column per series, holes are empty', () => {
  const data = graphDataOf(
    [
      {
        metric: { a: '1' },
        values: [
          [1, '1'],
          [2, '+Inf'],
        ],
      },
      { metric: { a: '2' }, values: [[2, '0.1']] },
    ],
    { startMs: 1000, endMs: 2000, stepMs: 1000 },
  );
  assert.equal(graphCsv(data), 'timestamp,"{a=""1""}","{a=""2""}"\r\n1,1,\r\n2,+Inf,0.1\r\n');
});

test('CSV of scalars and strings', () => {
  assert.equal(tableCsv({ resultType: 'scalar', result: [1, '2'] }), 'timestamp,value\r\n1,2\r\n');
  assert.equal(
    tableCsv({ resultType: 'string', result: [1, '=x'] }),
    "timestamp,value\r\n1,'=x\r\n",
  );
});

test('classic buckets become counts of each bucket, summed over groups', () => {
  const bucket = (le: string, pod: string, values: string[]) => ({
    metric: { le, pod },
    values: values.map((value, i) => [i + 1, value] as const),
  });
  const data = graphDataOf(
    [
      bucket('+Inf', 'a', ['10', '10']),
      bucket('1', 'a', ['4', '9']),
      bucket('0.5', 'a', ['1', '9.5']),
      bucket('1', 'b', ['1', '0']),
      bucket('+Inf', 'b', ['1', '0']),
    ],
    { startMs: 1000, endMs: 2000, stepMs: 1000 },
  );
  assert.ok(hasHeat(data));
  const heat = heatOf(data);
  assert.deepEqual(
    heat.rows.map(({ low, high }) => [low, high]),
    [
      [0, 0.5],
      [0.5, 1],
      [1, Infinity],
    ],
  );
  // The second column: 9.5 below 0.5 but 9 below 1 is a race of scrapes, not a negative count.
  assert.deepEqual(heat.counts, [
    [1, 9.5],
    [4, 0],
    [6, 0.5],
  ]);
  assert.equal(heat.max, 9.5);
});

test('native histograms share rows by bounds; absent buckets of present histograms are empty', () => {
  const histogram = (buckets: HistogramValue['buckets']): HistogramValue => ({
    count: '1',
    sum: '1',
    buckets,
  });
  const data = graphDataOf(
    [
      {
        metric: { a: '1' },
        histograms: [
          [1, histogram([[0, '1', '2', '3']])],
          [2, histogram([[0, '0.5', '1', '2']])],
        ],
      },
      { metric: { a: '2' }, histograms: [[1, histogram([[0, '1', '2', '4']])]] },
    ],
    { startMs: 1000, endMs: 3000, stepMs: 1000 },
  );
  const heat = heatOf(data);
  assert.deepEqual(
    heat.rows.map(({ low, high }) => [low, high]),
    [
      [0.5, 1],
      [1, 2],
    ],
  );
  assert.deepEqual(heat.counts, [
    [0, 2, null],
    [7, 0, null],
  ]);
});

test('very many buckets are joined, and nothing is lost', () => {
  const buckets = Array.from(
    { length: 1000 },
    (_, i) => [0, String(i), String(i + 1), '1'] as const,
  );
  const data = graphDataOf(
    [{ metric: {}, histograms: [[1, { count: '1000', sum: '1', buckets }]] }],
    { startMs: 1000, endMs: 1000, stepMs: 1000 },
  );
  const heat = heatOf(data);
  assert.ok(heat.rows.length <= 160);
  assert.equal(
    heat.counts.reduce((sum, row) => sum + (row[0] ?? 0), 0),
    1000,
  );
  assert.equal(heat.rows[heat.rows.length - 1]!.high, 1000);
});

test('stacks add up; gaps stay gaps and infinities count as nothing', () => {
  assert.deepEqual(
    stack([
      [1, null, 2],
      [3, 4, Infinity],
    ]),
    [
      [1, null, 2],
      [4, 4, 2],
    ],
  );
});

test('exemplars: bad ones are left out, too many are thinned', () => {
  assert.deepEqual(exemplarsOf({ no: 'list' }), []);
  assert.equal(
    exemplarsOf([
      {
        seriesLabels: { a: 'b' },
        exemplars: [
          { value: 'x', timestamp: 1 },
          { value: '1' },
          { labels: { trace_id: 't' }, value: '1', timestamp: 2 },
        ],
      },
      null,
    ]).length,
    1,
  );
  const many = Array.from({ length: 2000 }, (_, i) => ({ value: String(i), timestamp: 2000 - i }));
  const kept = exemplarsOf([{ exemplars: many }]);
  assert.equal(kept.length, EXEMPLARS_MAX);
  assert.ok(kept.every((one, i) => i === 0 || one.at >= kept[i - 1]!.at));
  assert.equal(Math.max(...kept.map(({ value }) => value)), 1999);
});

test('links to traces are http or none', () => {
  assert.equal(traceIdOf({ traceID: 'abc' }), 'abc');
  assert.equal(traceHref('https://t/{traceID}?x', 'a/b'), 'https://t/a%2Fb?x');
  assert.equal(traceHref('javascript:alert(1)//{traceID}', 'a'), '');
  assert.equal(traceHref('https://t/{traceID}', ''), '');
});

test('stores are read, and where their data lies', () => {
  const stores = readStores({
    sidecar: [{ name: 'a:1', lastError: null, labelSets: [{ r: 'a' }], minTime: 10, maxTime: 20 }],
    store: [{ name: 'b:1', lastError: 'down', minTime: 5, maxTime: 8 }],
    odd: 7,
  });
  assert.deepEqual(
    stores.map(({ name, type, up }) => [name, type, up]),
    [
      ['a:1', 'sidecar', true],
      ['b:1', 'store', false],
    ],
  );
  assert.deepEqual(coverageOf(stores), { minMs: 5, maxMs: 20 });
  assert.equal(coverageOf([]), null);
  assert.deepEqual(readStores('x'), []);
});
