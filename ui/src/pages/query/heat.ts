// Histograms over time as cells: classic ones (series with `le`) and native ones (buckets).
import { formatSi } from '../../lib/format';
import { type GraphData, numberOf } from './result';

export interface HeatRow {
  /** Bounds of the bucket. */
  low: number;
  high: number;
  label: string;
}

export interface HeatData {
  /** Seconds. */
  xs: number[];
  /** From the lowest bucket up. */
  rows: HeatRow[];
  /** counts[row][x]; null where there is no sample. */
  counts: (number | null)[][];
  max: number;
}

const bound = (value: number): string => formatSi(value, 3);
const rowOf = (low: number, high: number): HeatRow => ({
  low,
  high,
  label: Number.isFinite(high) ? `${bound(low)} … ${bound(high)}` : `> ${bound(low)}`,
});

const maxOf = (counts: readonly (readonly (number | null)[])[]): number =>
  counts.reduce((max, row) => row.reduce<number>((m, one) => Math.max(m, one ?? 0), max), 0);

/** Whether a heat map of the answer makes sense. */
export function hasHeat(data: GraphData): boolean {
  if (data.histograms.length > 0) return true;
  return data.series.filter(({ labels }) => 'le' in labels).length > 1;
}

// Cumulative buckets of all groups, summed per bound, then the difference to the bound below.
function classicHeat(data: GraphData): HeatData {
  const byBound = new Map<number, (number | null)[]>();
  for (const { labels, values } of data.series) {
    const upper = numberOf(labels['le'] ?? 'NaN');
    if (Number.isNaN(upper)) continue;
    const sum = byBound.get(upper);
    if (!sum) byBound.set(upper, [...values]);
    else values.forEach((value, i) => value !== null && (sum[i] = (sum[i] ?? 0) + value));
  }
  const bounds = [...byBound.keys()].sort((a, b) => a - b);
  let below = new Array<number>(data.xs.length).fill(0);
  const counts = bounds.map((upper) => {
    const now = byBound.get(upper) ?? [];
    const next = [...below];
    const row = now.map((value, i) => {
      if (value === null || Number.isNaN(value)) return null;
      // Scrapes of buckets are not of one moment: a bucket may seem to hold less than nothing.
      const count = Math.max(0, value - (below[i] ?? 0));
      next[i] = Math.max(value, below[i] ?? 0);
      return count;
    });
    below = next;
    return row;
  });
  const rows = bounds.map((upper, i) =>
    rowOf(i === 0 ? Math.min(0, upper) : bounds[i - 1]!, upper),
  );
  return { xs: data.xs, rows, counts, max: maxOf(counts) };
}

/** More rows than this are joined in pairs until they fit. */
const ROWS_MAX = 160;

// Buckets of all series; those with the same bounds share a row.
function nativeHeat(data: GraphData): HeatData {
  const found = new Map<string, { low: number; high: number; counts: (number | null)[] }>();
  const present = new Array<boolean>(data.xs.length).fill(false);
  for (const { histograms } of data.histograms) {
    histograms.forEach((one, x) => {
      if (!one) return;
      present[x] = true;
      for (const [, low, high, count] of one.buckets ?? []) {
        const key = `${low} ${high}`;
        let row = found.get(key);
        if (!row) {
          const counts = new Array<number | null>(data.xs.length).fill(null);
          row = { low: numberOf(low), high: numberOf(high), counts };
          found.set(key, row);
        }
        row.counts[x] = (row.counts[x] ?? 0) + numberOf(count);
      }
    });
  }
  let all = [...found.values()].sort((a, b) => a.low - b.low || a.high - b.high);
  while (all.length > ROWS_MAX) {
    all = all.reduce<typeof all>((out, row, i) => {
      const before = out[out.length - 1];
      if (i % 2 === 0 || !before) return [...out, row];
      before.high = row.high;
      row.counts.forEach((n, x) => n !== null && (before.counts[x] = (before.counts[x] ?? 0) + n));
      return out;
    }, []);
  }
  // Where a histogram is, an absent bucket is an empty one.
  for (const { counts } of all) {
    present.forEach((there, x) => there && counts[x] === null && (counts[x] = 0));
  }
  const rows = all.map(({ low, high }) => rowOf(low, high));
  const counts = all.map((row) => row.counts);
  return { xs: data.xs, rows, counts, max: maxOf(counts) };
}

export function heatOf(data: GraphData): HeatData {
  return data.histograms.length > 0 ? nativeHeat(data) : classicHeat(data);
}

/** Cumulated values for stacked areas: the first series lies lowest; gaps count as nothing. */
export function stack(values: readonly (readonly (number | null)[])[]): (number | null)[][] {
  let below: number[] = new Array<number>(values[0]?.length ?? 0).fill(0);
  return values.map((row) => {
    const next = row.map((value, i) => {
      const usable = value !== null && Number.isFinite(value) ? value : 0;
      return (below[i] ?? 0) + usable;
    });
    below = next;
    return next.map((sum, i) => (row[i] === null ? null : sum));
  });
}
