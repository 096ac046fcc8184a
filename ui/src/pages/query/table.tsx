// Instant results as a table.
import { useMemo, useState } from 'preact/hooks';
import { timeZone } from '../../app/preferences';
import { CopyButton, FilterBox, Segments } from '../../components/controls';
import { Icon } from '../../components/icon';
import { plural } from '../../lib/format';
import { createPreference, oneOf, useStore } from '../../lib/store';
import { formatTime } from '../../lib/time';
import { labelNames } from './csv';
import { Buckets } from './buckets';
import {
  type HistogramPoint,
  isList,
  type ListData,
  numberOf,
  type Point,
  type QueryData,
  type RawSeries,
  seriesName,
} from './result';
import { SeriesName } from './series_name';

type Mode = 'series' | 'columns';
const tableMode = createPreference<Mode>('table.mode', 'series', oneOf('series', 'columns'));

const ROWS_MAX = 1000;
const POINTS_SHOWN = 200;
const COLUMNS_MAX = 40;

interface Row {
  series: RawSeries;
  name: string;
  value: number;
}

function rowsOf(data: ListData): Row[] {
  return data.result.map((series) => ({
    series,
    name: seriesName(series.metric),
    value: series.value
      ? numberOf(series.value[1])
      : series.histogram
        ? numberOf(series.histogram[1].sum)
        : NaN,
  }));
}

type Sort = { key: string; down: boolean } | null;

export function sortRows(rows: readonly Row[], sort: Sort): Row[] {
  if (!sort) return [...rows];
  const factor = sort.down ? -1 : 1;
  const text = (row: Row): string =>
    sort.key === 'name' ? row.name : (row.series.metric[sort.key.slice(6)] ?? '');
  return [...rows].sort((a, b) => {
    if (sort.key !== 'value')
      return factor * text(a).localeCompare(text(b), 'en', { numeric: true });
    // NaN goes last, whichever way.
    if (Number.isNaN(a.value) || Number.isNaN(b.value))
      return Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value));
    return factor * (a.value - b.value || 0);
  });
}

function Points({ points }: { points: readonly Point[] }) {
  const zone = useStore(timeZone);
  const [all, setAll] = useState(false);
  const shown = all ? points : points.slice(0, POINTS_SHOWN);
  return (
    <div class="points">
      {shown.map(([t, value]) => (
        <div key={t}>
          {value} <span class="muted">@ {formatTime(t * 1000, zone, true)}</span>
        </div>
      ))}
      {points.length > shown.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          Show all {points.length.toLocaleString('en-US')}
        </button>
      )}
    </div>
  );
}

function Value({ series }: { series: RawSeries }) {
  const histograms: readonly HistogramPoint[] = series.histogram
    ? [series.histogram]
    : (series.histograms ?? []);
  return (
    <>
      {series.value && <span>{series.value[1]}</span>}
      {series.values && <Points points={series.values} />}
      {histograms.slice(0, 20).map(([t, value]) => (
        <Buckets key={t} histogram={value} />
      ))}
      {histograms.length > 20 && (
        <p class="muted">{histograms.length - 20} more histograms, in the exports.</p>
      )}
    </>
  );
}

export function ResultTable({ data }: { data: QueryData }) {
  const zone = useStore(timeZone);
  if (!isList(data)) {
    return (
      <div class="table-box">
        <table>
          <thead>
            <tr>
              <th>{data.resultType}</th>
              <th class="number">Time</th>
            </tr>
          </thead>
          <tbody>
            <tr>
              <td class="mono wrap">{data.result[1]}</td>
              <td class="number nowrap">{formatTime(data.result[0] * 1000, zone, true)}</td>
            </tr>
          </tbody>
        </table>
      </div>
    );
  }
  return <SeriesTable data={data} />;
}

function SeriesTable({ data }: { data: ListData }) {
  const mode = useStore(tableMode);
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<Sort>(null);
  const [all, setAll] = useState(false);
  const rows = useMemo(() => rowsOf(data), [data]);
  const names = useMemo(() => labelNames(data.result), [data]);
  const found = useMemo(() => {
    const needle = filter.trim().toLowerCase();
    return sortRows(
      needle ? rows.filter(({ name }) => name.toLowerCase().includes(needle)) : rows,
      sort,
    );
  }, [rows, filter, sort]);
  const shown = all ? found : found.slice(0, ROWS_MAX);
  const columns = mode === 'columns' ? names.slice(0, COLUMNS_MAX) : [];
  const sortBy = (key: string): void =>
    setSort(
      sort?.key !== key
        ? { key, down: key === 'value' }
        : sort.down === (key === 'value')
          ? { key, down: !sort.down }
          : null,
    );
  const head = (key: string, text: string, number = false) => (
    <th
      key={key}
      class={number ? 'number' : ''}
      aria-sort={sort?.key === key ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" onClick={() => sortBy(key)}>
        {text} {sort?.key === key && <Icon name={sort.down ? 'down' : 'up'} size={10} />}
      </button>
    </th>
  );
  return (
    <>
      <div class="legend-tools">
        <FilterBox value={filter} onInput={setFilter} label="Filter rows" />
        <Segments<Mode>
          label="Layout"
          value={mode}
          onChange={(next) => tableMode.set(next)}
          options={[
            { value: 'series', text: 'Series' },
            { value: 'columns', text: 'Label columns' },
          ]}
        />
        <span class="muted">
          {found.length < rows.length ? `${found.length.toLocaleString('en-US')} of ` : ''}
          {plural(rows.length, 'series', 'series')}
        </span>
      </div>
      <div class="table-box result-table" tabIndex={0} role="region" aria-label="Result">
        <table>
          <thead>
            <tr>
              {mode === 'series'
                ? head('name', 'Series')
                : columns.map((name) => head(`label:${name}`, name))}
              {head('value', 'Value', true)}
              <th>
                <span class="visually-hidden">Tools</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ series, name }, i) => (
              <tr key={`${name} ${i}`}>
                {mode === 'series' ? (
                  <td>
                    <SeriesName labels={series.metric} />
                  </td>
                ) : (
                  columns.map((column) => (
                    <td key={column} class="mono wrap">
                      {series.metric[column] ?? ''}
                    </td>
                  ))
                )}
                <td class="number mono">
                  <Value series={series} />
                </td>
                <td class="number">
                  <CopyButton compact text={name} label="Copy selector" />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {mode === 'columns' && names.length > columns.length && (
        <p class="muted">{names.length - columns.length} more labels are in the CSV.</p>
      )}
      {found.length > shown.length && (
        <p class="legend-tools">
          <span class="muted">{shown.length.toLocaleString('en-US')} rows are shown.</span>
          <button type="button" class="small" onClick={() => setAll(true)}>
            Show all {found.length.toLocaleString('en-US')}
          </button>
        </p>
      )}
    </>
  );
}
