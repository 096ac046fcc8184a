// The series below a graph: colour, name, min, max, mean, last; shown, isolated, filtered.
import { useMemo, useState } from 'preact/hooks';
import { CopyButton, FilterBox } from '../../components/controls';
import { Icon } from '../../components/icon';
import { formatSi, plural } from '../../lib/format';
import type { Stroke } from './colours';
import type { GraphData, GraphSeries, SeriesSummary } from './result';
import { SeriesName } from './series_name';

type SortKey = 'name' | keyof SeriesSummary;

const COLUMNS: readonly (keyof SeriesSummary)[] = ['min', 'max', 'mean', 'last'];
const ROWS_FIRST = 50;

/** A click shows that series alone, or all again; with Ctrl or Cmd it shows or hides it. */
export function nextVisible(
  visible: readonly boolean[],
  index: number,
  toggle: boolean,
): boolean[] {
  if (toggle) return visible.map((on, i) => (i === index ? !on : on));
  const alone = visible.every((on, i) => on === (i === index));
  return visible.map((_, i) => alone || i === index);
}

function order(series: readonly GraphSeries[], key: SortKey, down: boolean): number[] {
  const indices = series.map((_, i) => i);
  const factor = down ? -1 : 1;
  const compare = (a: GraphSeries, b: GraphSeries): number => {
    if (key === 'name') return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    const [x, y] = [a.summary[key], b.summary[key]];
    if (Number.isNaN(x) || Number.isNaN(y))
      return Number.isNaN(x) ? (Number.isNaN(y) ? 0 : factor) : -factor;
    return x - y;
  };
  return indices.sort((a, b) => factor * compare(series[a]!, series[b]!) || a - b);
}

function LabelTools({
  series,
  onFilter,
}: {
  series: GraphSeries;
  onFilter: (label: string, value: string, keep: boolean) => void;
}) {
  return (
    <div class="label-tools">
      <CopyButton text={series.name} label="Copy selector" />
      {Object.entries(series.labels).map(([name, value]) => (
        <span key={name} class="label-tool">
          <span class="label">
            {name}=<b>{value}</b>
          </span>
          <button
            type="button"
            class="ghost icon-only"
            title={`Only ${name}="${value}"`}
            aria-label={`Filter for ${name} ${value}`}
            onClick={() => onFilter(name, value, true)}
          >
            <Icon name="plus" size={13} />
          </button>
          <button
            type="button"
            class="ghost icon-only"
            title={`Without ${name}="${value}"`}
            aria-label={`Filter out ${name} ${value}`}
            onClick={() => onFilter(name, value, false)}
          >
            <Icon name="minus" size={13} />
          </button>
        </span>
      ))}
    </div>
  );
}

export interface LegendProps {
  data: GraphData;
  strokes: readonly Stroke[];
  visible: readonly boolean[];
  highlight: number;
  onVisible: (next: boolean[]) => void;
  onHighlight: (series: number) => void;
  /** Edits the expression. */
  onFilter: (label: string, value: string, keep: boolean) => void;
}

type Sort = { key: SortKey; down: boolean } | null;

function Head({ sort, onSort }: { sort: Sort; onSort: (next: Sort) => void }) {
  const next = (key: SortKey): Sort =>
    sort?.key !== key ? { key, down: true } : sort.down ? { key, down: false } : null;
  return (
    <tr>
      {(['name', ...COLUMNS] as const).map((key) => {
        const mine = sort?.key === key ? sort : null;
        return (
          <th
            key={key}
            class={key === 'name' ? '' : 'number'}
            aria-sort={mine ? (mine.down ? 'descending' : 'ascending') : 'none'}
          >
            <button type="button" onClick={() => onSort(next(key))}>
              {key === 'name' ? 'Series' : key}{' '}
              {mine && <Icon name={mine.down ? 'down' : 'up'} size={10} />}
            </button>
          </th>
        );
      })}
      <th>
        <span class="visually-hidden">Tools</span>
      </th>
    </tr>
  );
}

function SeriesButton({
  series,
  stroke,
  on,
  onClick,
  onHighlight,
}: {
  series: GraphSeries;
  stroke: Stroke | undefined;
  on: boolean;
  onClick: (toggle: boolean) => void;
  onHighlight: (on: boolean) => void;
}) {
  return (
    <button
      type="button"
      class="series"
      aria-pressed={on}
      title="Click: this one alone. Ctrl+click: show or hide."
      onClick={(event) => onClick(event.ctrlKey || event.metaKey)}
      onFocus={() => onHighlight(true)}
      onBlur={() => onHighlight(false)}
    >
      <svg class="swatch-line" width="18" height="10" aria-hidden="true">
        <path
          d="M0 5h18"
          stroke={stroke?.colour}
          stroke-width="3"
          stroke-dasharray={stroke?.dash.join(' ')}
        />
      </svg>
      <SeriesName labels={series.labels} />
    </button>
  );
}

function Row({
  index,
  open,
  onOpen,
  props,
}: {
  index: number;
  open: boolean;
  onOpen: () => void;
  props: LegendProps;
}) {
  const { data, strokes, visible, highlight, onVisible, onHighlight, onFilter } = props;
  const one = data.series[index]!;
  const on = visible[index] ?? true;
  return (
    <>
      <tr
        class={`${on ? '' : 'off'} ${index === highlight ? 'near' : ''}`}
        onMouseEnter={() => onHighlight(index)}
      >
        <td>
          <SeriesButton
            series={one}
            stroke={strokes[index]}
            on={on}
            onClick={(toggle) => onVisible(nextVisible(visible, index, toggle))}
            onHighlight={(near) => onHighlight(near ? index : -1)}
          />
        </td>
        {COLUMNS.map((key) => (
          <td key={key} class="number" title={String(one.summary[key])}>
            {formatSi(one.summary[key])}
          </td>
        ))}
        <td class="number">
          <button
            type="button"
            class="ghost icon-only"
            aria-label={`Labels of ${one.name}`}
            aria-expanded={open}
            onClick={onOpen}
          >
            <Icon name="more" size={14} />
          </button>
        </td>
      </tr>
      {open && (
        <tr class="tools-row">
          <td colSpan={6}>
            <LabelTools series={one} onFilter={onFilter} />
          </td>
        </tr>
      )}
    </>
  );
}

function Tools({
  filter,
  onFilter,
  shown,
  props,
}: {
  filter: string;
  onFilter: (text: string) => void;
  shown: number;
  props: LegendProps;
}) {
  const { data, visible, onVisible } = props;
  return (
    <div class="legend-tools">
      <FilterBox value={filter} onInput={onFilter} label="Filter series" />
      {visible.some((on) => !on) && (
        <button type="button" class="small" onClick={() => onVisible(visible.map(() => true))}>
          Show all
        </button>
      )}
      <span class="muted">
        {shown < data.series.length ? `${shown} of ` : ''}
        {plural(data.series.length, 'series', 'series')}
      </span>
    </div>
  );
}

/** Fewer series than this need no filter. */
const TOOLS_FROM = 13;

export function Legend(props: LegendProps) {
  const { data, onHighlight } = props;
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<Sort>(null);
  const [open, setOpen] = useState(-1);
  const [all, setAll] = useState(false);
  const rows = useMemo(() => {
    const indices = sort ? order(data.series, sort.key, sort.down) : data.series.map((_, i) => i);
    const needle = filter.trim().toLowerCase();
    if (!needle) return indices;
    return indices.filter((i) => data.series[i]!.name.toLowerCase().includes(needle));
  }, [data, sort, filter]);
  const shown = all ? rows : rows.slice(0, ROWS_FIRST);
  return (
    <div class="legend">
      {data.series.length >= TOOLS_FROM && (
        <Tools filter={filter} onFilter={setFilter} shown={rows.length} props={props} />
      )}
      <div
        class="legend-box"
        tabIndex={0}
        role="region"
        aria-label="Series"
        onMouseLeave={() => onHighlight(-1)}
      >
        <table>
          <thead>
            <Head sort={sort} onSort={setSort} />
          </thead>
          <tbody>
            {shown.map((i) => (
              <Row
                key={`${i} ${data.series[i]!.name}`}
                index={i}
                open={open === i}
                onOpen={() => setOpen(open === i ? -1 : i)}
                props={props}
              />
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > shown.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          Show all {rows.length.toLocaleString('en-US')}
        </button>
      )}
    </div>
  );
}
