import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatSi, formatTook, plural } from '../src/lib/format';
import { sortWarnings } from '../src/lib/warnings';

test('numbers are short and tell special values', () => {
  assert.equal(formatSi(12_500), '12.5k');
  assert.equal(formatSi(0), '0');
  assert.equal(formatSi(0.25), '0.25');
  assert.equal(formatSi(3.2e-6), '3.2µ');
  assert.equal(formatSi(-1.5e9), '-1.5G');
  assert.equal(formatSi(999.99999), '1000');
  assert.equal(formatSi(1e30), '1.00e+30');
  assert.equal(formatSi(5e-300), '5.00e-300');
  assert.equal(formatSi(NaN), 'NaN');
  assert.equal(formatSi(Infinity), '+Inf');
  assert.equal(formatSi(-Infinity), '-Inf');
});

test('bytes, times and counts', () => {
  assert.equal(formatBytes(0), '0 B');
  assert.equal(formatBytes(1536), '1.5 KiB');
  assert.equal(formatBytes(5 * 1024 ** 4), '5 TiB');
  assert.equal(formatBytes(NaN), '–');
  assert.equal(formatTook(0.0162), '16.2 µs');
  assert.equal(formatTook(340.4), '340 ms');
  assert.equal(formatTook(1250), '1.25 s');
  assert.equal(plural(1, 'store'), '1 store');
  assert.equal(plural(2000, 'series', 'series'), '2,000 series');
});

test('warnings are told apart: failed stores, and remarks', () => {
  const { failures, notes } = sortWarnings([
    'receive series from Addr: 127.0.0.1:10901 LabelSets: {a="b"}: rpc error: code = Unavailable desc = connection refused',
    'fetch series for store.example.com:10901: deadline exceeded',
    'PromQL info: metric might not be a counter, name does not end in _total: "up"',
    'results truncated due to limit',
  ]);
  assert.deepEqual(
    failures.map(({ store }) => store),
    ['127.0.0.1:10901', 'store.example.com:10901'],
  );
  assert.equal(notes.length, 2);
});
