// Answers of queries, checked and laid out for drawing.
import { ApiError } from '../../api/client';

export type Labels = Readonly<Record<string, string>>;
/** [boundary rule, lower, upper, count]; 0: (l,u], 1: [l,u), 2: (l,u), 3: [l,u]. */
export type Bucket = readonly [number, string, string, string];
export interface HistogramValue {
  count: string;
  sum: string;
  buckets: readonly Bucket[];
}
export type Point = readonly [number, string];
export type HistogramPoint = readonly [number, HistogramValue];

export interface RawSeries {
  metric: Labels;
  value?: Point;
  histogram?: HistogramPoint;
  values?: readonly Point[];
  histograms?: readonly HistogramPoint[];
}

export interface QueryStats {
  timings?: Record<string, number>;
  samples?: { totalQueryableSamples?: number; peakSamples?: number };
}

/** Keys of nothing are left out. */
export interface Fanout {
  endpointAddr?: string;
  /** A Go duration. */
  duration?: string;
  bytesProcessed?: number;
  numResponses?: number;
  series?: number;
  chunks?: number;
  samples?: number;
  error?: string;
}

/** A node of a plan, with what it did when the query was analysed. */
export interface PlanNode {
  name: string;
  /** Go durations: "1.5ms". */
  executionTime?: string;
  workerTime?: string;
  peakSamples?: number;
  totalSamples?: number;
  rows?: number;
  series?: number;
  chunkBytes?: number;
  peakBytes?: number;
  /** What each store did for a scan, when the server tells. */
  fanout?: Fanout[];
  children?: PlanNode[];
}

interface Extras {
  stats?: QueryStats;
  analysis?: Partial<PlanNode>;
}
export interface ListData extends Extras {
  resultType: 'vector' | 'matrix';
  result: RawSeries[];
}
export interface SingleData extends Extras {
  resultType: 'scalar' | 'string';
  result: Point;
}
export type QueryData = ListData | SingleData;

export const isList = (data: QueryData): data is ListData =>
  data.resultType === 'vector' || data.resultType === 'matrix';

/** Throws ApiError when `data` is not the answer of a query. */
export function checkQueryData(data: unknown): QueryData {
  const value = data as { resultType?: unknown; result?: unknown } | null | undefined;
  const type = value?.resultType;
  const list = type === 'vector' || type === 'matrix';
  if ((list || type === 'scalar' || type === 'string') && Array.isArray(value?.result)) {
    const whole = (one: unknown): boolean =>
      typeof one === 'object' && one !== null && typeof (one as RawSeries).metric === 'object';
    if (!list || value.result.every(whole)) return data as QueryData;
  }
  throw new ApiError('format', 'The answer is not the result of a query.');
}

export interface SeriesSummary {
  min: number;
  max: number;
  mean: number;
  last: number;
}

export interface GraphSeries {
  labels: Labels;
  name: string;
  /** One per x; null where there is no sample. */
  values: (number | null)[];
  /** Points without neighbours: drawn as dots, a line would not show them. */
  lonely: number[];
  summary: SeriesSummary;
}

export interface GraphData {
  /** Seconds, the whole grid. */
  xs: number[];
  series: GraphSeries[];
  /** Series of native histograms; `histograms` one per x. */
  histograms: { labels: Labels; name: string; histograms: (HistogramValue | null)[] }[];
  /** How many the answer had; more than `series` when some are not drawn. */
  total: number;
}

export interface Grid {
  startMs: number;
  endMs: number;
  stepMs: number;
}

/** As many are drawn; those with the greatest last value. */
export const SERIES_MAX = 1000;

const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const PLAIN_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** A string literal of PromQL. */
export function quoteLabel(value: string): string {
  const escaped = value.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
  return `"${escaped}"`;
}

/** A label set as a selector: name{a="b"}. Names that need it are quoted. */
export function seriesName(labels: Labels): string {
  const metric = labels['__name__'];
  const matchers = Object.entries(labels)
    .filter(([name]) => name !== '__name__')
    .map(
      ([name, value]) => `${PLAIN_LABEL.test(name) ? name : quoteLabel(name)}=${quoteLabel(value)}`,
    );
  const plain = metric === undefined || PLAIN_METRIC.test(metric);
  if (!plain) matchers.unshift(quoteLabel(metric));
  const head = plain ? (metric ?? '') : '';
  return matchers.length > 0 || head === '' ? `${head}{${matchers.join(', ')}}` : head;
}

/** A value of the API: numbers, "NaN", "+Inf", "-Inf". */
export function numberOf(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Infinity;
  if (text === '-Inf') return -Infinity;
  return Number(text);
}

function summaryOf(values: readonly (number | null)[]): SeriesSummary {
  const out = { min: NaN, max: NaN, mean: NaN, last: NaN };
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null || Number.isNaN(value)) continue;
    if (!(out.min <= value)) out.min = value;
    if (!(out.max >= value)) out.max = value;
    sum += value;
    ++count;
    out.last = value;
  }
  out.mean = sum / count;
  return out;
}

function lonelyOf(values: readonly (number | null)[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < values.length; ++i) {
    if (values[i] === null) continue;
    if ((values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null) out.push(i);
  }
  return out;
}

// What cannot be drawn is a gap in the line; the legend and the table still tell it.
function columnOf(points: readonly Point[], grid: Grid, count: number): (number | null)[] {
  const out = new Array<number | null>(count).fill(null);
  for (const [seconds, text] of points) {
    const i = Math.round((seconds * 1000 - grid.startMs) / grid.stepMs);
    if (i >= 0 && i < count) out[i] = numberOf(text);
  }
  return out;
}

/** Lays a matrix out on its grid; of more than `seriesMax` series those with the greatest last. */
export function graphDataOf(
  result: readonly RawSeries[],
  grid: Grid,
  seriesMax = SERIES_MAX,
): GraphData {
  const count = Math.floor((grid.endMs - grid.startMs) / grid.stepMs) + 1;
  const xs = Array.from({ length: count }, (_, i) => (grid.startMs + i * grid.stepMs) / 1000);
  const out: GraphData = { xs, series: [], histograms: [], total: result.length };
  for (const one of result) {
    const name = seriesName(one.metric);
    if (one.values && one.values.length > 0) {
      const values = columnOf(one.values, grid, count);
      const summary = summaryOf(values);
      out.series.push({ labels: one.metric, name, values, lonely: lonelyOf(values), summary });
    }
    if (one.histograms && one.histograms.length > 0) {
      const histograms = new Array<HistogramValue | null>(count).fill(null);
      for (const [seconds, value] of one.histograms) {
        const i = Math.round((seconds * 1000 - grid.startMs) / grid.stepMs);
        if (i >= 0 && i < count) histograms[i] = value;
      }
      out.histograms.push({ labels: one.metric, name, histograms });
    }
  }
  if (out.series.length > seriesMax) {
    const last = (one: GraphSeries): number =>
      Number.isNaN(one.summary.last) ? -Infinity : one.summary.last;
    out.series = out.series.sort((a, b) => last(b) - last(a)).slice(0, seriesMax);
  }
  return out;
}
