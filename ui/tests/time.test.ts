import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatAge,
  formatDuration,
  formatTime,
  parseDuration,
  parseTime,
  zoneOffsetMinutes,
} from '../src/lib/time';

test('durations are read as Prometheus writes them', () => {
  assert.equal(parseDuration('1h30m'), 5_400_000);
  assert.equal(parseDuration('90'), 90_000);
  assert.equal(parseDuration('1.5'), 1500);
  assert.equal(parseDuration('1w2d'), 9 * 86_400_000);
  assert.equal(parseDuration('250ms'), 250);
  for (const bad of ['', ' ', '1x', 'm1', '1m1h', '-5m', '1e3', '1.5m']) {
    assert.equal(parseDuration(bad), null, bad);
  }
});

test('durations come back as they were', () => {
  for (const text of ['1h30m', '5s', '1d', '2w', '1y', '10d', '1m30s250ms', '0s']) {
    assert.equal(formatDuration(parseDuration(text)!), text);
  }
  assert.equal(formatDuration(-60_000), '-1m');
  assert.equal(formatDuration(8 * 86_400_000), '8d');
});

test('ages have two units at most', () => {
  assert.equal(formatAge(999), '999ms');
  assert.equal(formatAge(12_000), '12s');
  assert.equal(formatAge(3 * 86_400_000 + 4 * 3_600_000 + 5), '3d 4h');
  assert.equal(formatAge(3_600_000), '1h');
  assert.equal(formatAge(400 * 86_400_000), '1y 35d');
  assert.equal(formatAge(NaN), '–');
});

test('times are 24 h in any zone', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 6);
  assert.equal(formatTime(ms, 'UTC'), '2026-01-02 03:04:05');
  assert.equal(formatTime(ms, 'UTC', true), '2026-01-02 03:04:05.006');
  assert.equal(formatTime(ms, 'Asia/Kolkata'), '2026-01-02 08:34:05');
  assert.equal(formatTime(Date.UTC(2026, 0, 2), 'UTC'), '2026-01-02 00:00:00');
  assert.equal(formatTime(-1, 'UTC', true), '1969-12-31 23:59:59.999');
  assert.equal(formatTime(9_223_372_036_854_775_807, 'UTC'), 'no limit');
  assert.equal(formatTime(ms, 'No/Such_Zone'), '2026-01-02 03:04:05');
});

test('times are read in the zone they are shown in', () => {
  const now = Date.UTC(2026, 6, 1);
  assert.equal(parseTime('2026-01-02 03:04:05', 'UTC', now), Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(parseTime('2026-01-02 03:04', 'Europe/Berlin', now), Date.UTC(2026, 0, 2, 2, 4));
  assert.equal(parseTime('2026-07-02', 'Europe/Berlin', now), Date.UTC(2026, 6, 1, 22));
  assert.equal(
    parseTime('2026-01-02T03:04:05.25Z', 'Europe/Berlin', now),
    Date.UTC(2026, 0, 2, 3, 4, 5, 250),
  );
  assert.equal(parseTime('2026-01-02T03:04:05-05:30', 'UTC', now), Date.UTC(2026, 0, 2, 8, 34, 5));
  assert.equal(parseTime('1700000000', 'UTC', now), 1_700_000_000_000);
  assert.equal(parseTime('1700000000123', 'UTC', now), 1_700_000_000_123);
  assert.equal(parseTime('now-1h', 'UTC', now), now - 3_600_000);
  assert.equal(parseTime('now', 'UTC', now), now);
  for (const bad of ['', 'yesterday', '2026-13-01', '2026-01-02 25:00', 'now-x', '12']) {
    assert.equal(parseTime(bad, 'UTC', now), null, bad);
  }
});

test('a time survives being shown and read in every zone, also when the clocks change', () => {
  for (const zone of ['UTC', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe']) {
    for (let day = 0; day < 370; day += 1) {
      const ms = Date.UTC(2026, 0, 1, 12, 34, 56) + day * 86_400_000;
      assert.equal(parseTime(formatTime(ms, zone), zone, 0), ms, `${zone} ${formatTime(ms, zone)}`);
    }
  }
  assert.equal(zoneOffsetMinutes(Date.UTC(2026, 0, 1), 'Asia/Kathmandu'), 345);
});
