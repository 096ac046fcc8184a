import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holesIn, ticksIn, unionOf } from '../src/lib/coverage';
import { csvOf, quoted, textCell } from '../src/lib/csv';
import { matcherOf, safeLink, selectorOf, timeOf } from '../src/lib/match';
import { isStale, valueText } from '../src/lib/rules';
import { sorted } from '../src/lib/sorted';
import { parseSamples } from '../src/pages/status/exposition';

test('cells: quotes, commas and line ends are quoted, formulas get an apostrophe', () => {
  assert.equal(textCell('plain'), 'plain');
  assert.equal(textCell('a"b,c'), '"a""b,c"');
  assert.equal(textCell('=1+1'), "'=1+1");
  assert.equal(textCell('@x,y'), '"\'@x,y"');
  assert.equal(quoted('-1.5'), '-1.5');
  assert.equal(
    csvOf([
      ['a', 'b'],
      ['1', '2'],
    ]),
    'a,b\r\n1,2\r\n',
  );
});

test('filters: every word, anywhere; name=value only in labels', () => {
  const labels = [{ job: 'node', zone: 'eu-1' }];
  assert.ok(matcherOf('')([]));
  assert.ok(matcherOf('10902 NODE')(['host:10902'], labels));
  assert.ok(matcherOf('zone="eu')([], labels));
  assert.ok(!matcherOf('job=eu')([], labels));
  assert.ok(!matcherOf('a b')(['a']));
});

test('selectors quote what is no plain name', () => {
  assert.equal(selectorOf({ __name__: 'up' }), 'up');
  assert.equal(selectorOf({ __name__: 'up', job: 'a"b' }), 'up{job="a\\"b"}');
  assert.equal(selectorOf({ __name__: 'a.b', 'c.d': 'e' }), '{"a.b", "c.d"="e"}');
});

test('only web addresses are links', () => {
  assert.equal(safeLink('https://example.org/a'), 'https://example.org/a');
  for (const text of [
    'javascript:alert(1)',
    'data:text/html,x',
    ' JAVASCRIPT:x',
    'no address',
    '//host',
    '',
  ])
    assert.equal(safeLink(text), null);
});

test('times of Go: the zero time is none', () => {
  assert.equal(timeOf('0001-01-01T00:00:00Z'), 0);
  assert.equal(timeOf(undefined), 0);
  assert.equal(timeOf('1970-01-01T00:00:01Z'), 1000);
});

test('coverage: unions join, holes lie between', () => {
  const union = unionOf([
    { from: 5, to: 9 },
    { from: 0, to: 3 },
    { from: 3, to: 4 },
    { from: 7, to: 7 },
  ]);
  assert.deepEqual(union, [
    { from: 0, to: 4 },
    { from: 5, to: 9 },
  ]);
  assert.deepEqual(holesIn(union), [{ from: 4, to: 5 }]);
  assert.deepEqual(holesIn([]), []);
});

test('ticks are round and few, whatever the length', () => {
  for (const length of [1000, 3_600_000, 86_400_000 * 3, 86_400_000 * 400, 86_400_000 * 36_500]) {
    const ticks = ticksIn({ from: 1_700_000_000_000, to: 1_700_000_000_000 + length }, 6);
    assert.ok(ticks.length <= 7, `${length}: ${ticks.length}`);
  }
  assert.deepEqual(ticksIn({ from: 0, to: 86_400_000 * 2 }, 4).slice(0, 2), [0, 43_200_000]);
});

test('sorting: numbers as numbers, texts with numbers in them, both ways, unknown columns not at all', () => {
  const rows = [
    { n: 10, t: 'a10' },
    { n: 9, t: 'a9' },
  ];
  const columns = { n: (row: { n: number }) => row.n, t: (row: { t: string }) => row.t };
  assert.deepEqual(
    sorted(rows, 'n', columns).map(({ n }) => n),
    [9, 10],
  );
  assert.deepEqual(
    sorted(rows, '-t', columns).map(({ n }) => n),
    [10, 9],
  );
  assert.deepEqual(sorted(rows, 'x', columns), rows);
});

test('values of alerts, and groups that are late', () => {
  assert.equal(valueText('1.5e+01'), '15');
  assert.equal(valueText('NaN'), 'NaN');
  const group = {
    name: '',
    file: '',
    rules: [],
    interval: 30,
    evaluationTime: 0,
    lastEvaluation: '',
    limit: 0,
    partialResponseStrategy: '',
  };
  assert.ok(isStale(group, 1, 200_000));
  assert.ok(!isStale(group, 100_000, 200_000));
  assert.ok(!isStale(group, 0, 200_000));
});

test('samples of /metrics, with labels that hold anything', () => {
  const samples = parseSamples('# HELP a b\na 1\nb{x="q\\"},\\n",y="2"} +Inf\nnot a sample\n');
  assert.deepEqual(samples, [
    { name: 'a', labels: {}, value: 1 },
    { name: 'b', labels: { x: 'q"},\n', y: '2' }, value: Infinity },
  ]);
});
