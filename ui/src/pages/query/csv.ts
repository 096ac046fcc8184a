// Results as CSV: RFC 4180, UTF-8, a header line. A label that a spreadsheet would take for a
// formula gets an apostrophe; values never do, they are numbers.
import { csvOf, quoted, textCell } from '../../lib/csv';
import { type GraphData, isList, type QueryData, type RawSeries, seriesName } from './result';

/** Seconds with at most three digits behind the point, as the API has them. */
const timeCell = (seconds: number): string => String(Math.round(seconds * 1000) / 1000);

export function labelNames(series: readonly RawSeries[]): string[] {
  const names = new Set<string>();
  for (const { metric } of series) for (const name of Object.keys(metric)) names.add(name);
  const rest = [...names].filter((name) => name !== '__name__').sort();
  return names.has('__name__') ? ['__name__', ...rest] : rest;
}

function seriesRows(names: string[], series: RawSeries): string[][] {
  const labels = names.map((name) => textCell(series.metric[name] ?? ''));
  const points = series.value ? [series.value] : (series.values ?? []);
  const histograms = series.histogram ? [series.histogram] : (series.histograms ?? []);
  return [
    ...points.map(([t, value]) => [...labels, timeCell(t), quoted(value)]),
    ...histograms.map(([t, value]) => [...labels, timeCell(t), quoted(JSON.stringify(value))]),
  ];
}

/** One column per label, then timestamp and value. `note` is a comment line before the header. */
export function tableCsv(data: QueryData, note = ''): string {
  const head = note ? `# ${note.replace(/[\r\n]+/g, ' ')}\r\n` : '';
  if (!isList(data)) {
    const [t, value] = data.result;
    const text = data.resultType === 'string' ? textCell(value) : quoted(value);
    return (
      head +
      csvOf([
        ['timestamp', 'value'],
        [timeCell(t), text],
      ])
    );
  }
  const names = labelNames(data.result);
  const header = [...names.map(textCell), 'timestamp', 'value'];
  return head + csvOf([header, ...data.result.flatMap((one) => seriesRows(names, one))]);
}

function numberText(value: number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  return String(value);
}

/** `timestamp`, then one column per series. */
export function graphCsv(data: GraphData, note = ''): string {
  const head = note ? `# ${note.replace(/[\r\n]+/g, ' ')}\r\n` : '';
  const header = ['timestamp', ...data.series.map((one) => textCell(seriesName(one.labels)))];
  const rows = data.xs.map((x, i) => [
    timeCell(x),
    ...data.series.map((one) => numberText(one.values[i])),
  ]);
  return head + csvOf([header, ...rows]);
}
