// The series below a graph: colour, name, min, max, mean, last; shown, isolated, filtered.
import { Fragment } from 'preact';
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

export function Legend(props: LegendProps) {
  const { data, strokes, visible, highlight, onVisible, onHighlight } = props;
  const [filter, setFilter] = useState('');
  const [sort, setSort] = useState<{ key: SortKey; down: boolean } | null>(null);
  const [open, setOpen] = useState(-1);
  const [all, setAll] = useState(false);
  const rows = useMemo(() => {
    const indices = sort ? order(data.series, sort.key, sort.down) : data.series.map((_, i) => i);
    const needle = filter.trim().toLowerCase();
    return needle
      ? indices.filter((i) => data.series[i]!.name.toLowerCase().includes(needle))
      : indices;
  }, [data, sort, filter]);
  const shown = all ? rows : rows.slice(0, ROWS_FIRST);
  const sortBy = (key: SortKey): void =>
    setSort(sort?.key === key ? (sort.down ? { key, down: false } : null) : { key, down: true });
  const head = (key: SortKey, text: string) => (
    <th
      class={key === 'name' ? '' : 'number'}
      aria-sort={sort?.key === key ? (sort.down ? 'descending' : 'ascending') : 'none'}
    >
      <button type="button" onClick={() => sortBy(key)}>
        {text} {sort?.key === key && <Icon name={sort.down ? 'down' : 'up'} size={10} />}
      </button>
    </th>
  );
  return (
    <div class="legend">
      {data.series.length > 12 && (
        <div class="legend-tools">
          <FilterBox value={filter} onInput={setFilter} label="Filter series" />
          {visible.some((on) => !on) && (
            <button type="button" class="small" onClick={() => onVisible(visible.map(() => true))}>
              Show all
            </button>
          )}
          <span class="muted">
            {rows.length < data.series.length ? `${rows.length} of ` : ''}
            {plural(data.series.length, 'series', 'series')}
          </span>
        </div>
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
            <tr>
              {head('name', 'Series')}
              {COLUMNS.map((key) => head(key, key))}
              <th>
                <span class="visually-hidden">Tools</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((i) => {
              const one = data.series[i]!;
              const stroke = strokes[i];
              const on = visible[i] ?? true;
              return (
                <Fragment key={`${i} ${one.name}`}>
                  <tr
                    class={`${on ? '' : 'off'} ${i === highlight ? 'near' : ''}`}
                    onMouseEnter={() => onHighlight(i)}
                  >
                    <td>
                      <button
                        type="button"
                        class="series"
                        aria-pressed={on}
                        title="Click: this one alone. Ctrl+click: show or hide."
                        onClick={(event) =>
                          onVisible(nextVisible(visible, i, event.ctrlKey || event.metaKey))
                        }
                        onFocus={() => onHighlight(i)}
                        onBlur={() => onHighlight(-1)}
                      >
                        <svg class="swatch-line" width="18" height="10" aria-hidden="true">
                          <line
                            x1="0"
                            y1="5"
                            x2="18"
                            y2="5"
                            stroke={stroke?.colour}
                            stroke-width="3"
                            stroke-dasharray={stroke?.dash.join(' ')}
                          />
                        </svg>
                        <SeriesName labels={one.labels} />
                      </button>
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
                        aria-expanded={open === i}
                        onClick={() => setOpen(open === i ? -1 : i)}
                      >
                        <Icon name="more" size={14} />
                      </button>
                    </td>
                  </tr>
                  {open === i && (
                    <tr class="tools-row">
                      <td colSpan={6}>
                        <LabelTools series={one} onFilter={props.onFilter} />
                      </td>
                    </tr>
                  )}
                </Fragment>
              );
            })}
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
