// A graph with its legend.
import { useEffect, useMemo, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { ApiError, call } from '../../api/client';
import type { UiConfig } from '../../api/config';
import { isDark, onThemeChange, shortcuts, timeZone } from '../../app/preferences';
import { Icon } from '../../components/icon';
import { formatSi, plural } from '../../lib/format';
import { createPreference, isBoolean, useStore } from '../../lib/store';
import { formatTime, zoneName } from '../../lib/time';
import { Chart } from './chart';
import { chartKey, type InputActions } from './chart_input';
import { strokesOf } from './colours';
import type { Change } from './controls';
import { type Exemplar, exemplarsOf } from './exemplars';
import { HeatChart } from './heat_chart';
import { Legend } from './legend';
import type { QueryRequest } from './request';
import { type GraphData, type Grid, SERIES_MAX } from './result';
import type { PanelState } from './url_state';
import type { Zoom } from './use_zoom';

export const legendShown = createPreference<boolean>('legend', true, isBoolean);

export function useDark(): boolean {
  const [dark, setDark] = useState(isDark());
  useEffect(() => onThemeChange(() => setDark(isDark())), []);
  return dark;
}

function useExemplars(
  on: boolean,
  request: QueryRequest,
): { list: readonly Exemplar[]; error: string } {
  const [state, setState] = useState<{ list: Exemplar[]; error: string }>({ list: [], error: '' });
  useEffect(() => {
    setState({ list: [], error: '' });
    if (!on) return;
    const control = new AbortController();
    const { query, start, end } = request.params;
    const params = { query, start, end, partial_response: request.params['partial_response'] };
    call<unknown>('api/v1/query_exemplars', {
      params,
      headers: request.headers,
      signal: control.signal,
    }).then(
      ({ data }) => setState({ list: exemplarsOf(data), error: '' }),
      (why: unknown) => {
        const aborted = why instanceof ApiError && why.kind === 'aborted';
        if (!aborted)
          setState({ list: [], error: why instanceof Error ? why.message : String(why) });
      },
    );
    return () => control.abort();
  }, [on, request]);
  return state;
}

/** What the picture shows, in words. */
export function describe(data: GraphData, grid: Grid, zone: string): string {
  const values = data.series.map(({ summary }) => summary);
  const min = values.reduce((low, { min: one }) => (one < low ? one : low), Infinity);
  const max = values.reduce((high, { max: one }) => (one > high ? one : high), -Infinity);
  const what = plural(data.total, 'series', 'series');
  const from = formatTime(grid.startMs, zone);
  const to = formatTime(grid.endMs, zone);
  const spread = min <= max ? `, from ${formatSi(min)} to ${formatSi(max)}` : '';
  const last = values.length === 1 ? `, last ${formatSi(values[0]!.last)}` : '';
  return `Graph of ${what}${spread}${last}, between ${from} and ${to} ${zoneName(zone)}.`;
}

const chartHeight = (): number => Math.round(Math.max(240, Math.min(460, innerHeight * 0.4)));

export function GraphView({
  data,
  grid,
  request,
  panel,
  config,
  partial,
  zoom,
  onChange,
  onFilter,
  handle,
}: {
  data: GraphData;
  grid: Grid;
  request: QueryRequest;
  panel: PanelState;
  config: UiConfig;
  partial: boolean;
  onChange: Change;
  zoom: Zoom;
  onFilter: (label: string, value: string, keep: boolean) => void;
  handle: (plot: uPlot | null) => void;
}) {
  const zone = useStore(timeZone);
  const legend = useStore(legendShown);
  const dark = useDark();
  const [near, setNear] = useState(-1);
  const [pointed, setPointed] = useState(-1);
  const names = useMemo(() => data.series.map(({ name }) => name), [data]);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const visible = useMemo(() => names.map((name) => !hidden.has(name)), [names, hidden]);
  const strokes = useMemo(() => strokesOf(names, dark), [names, dark]);
  const exemplars = useExemplars(panel.exemplars && panel.display !== 'heatmap', request);
  const [height] = useState(chartHeight());
  const actions: InputActions = {
    onRange: (from, to) => zoom.to(from * 1000, to * 1000),
    onBack: zoom.back,
  };
  const heat =
    panel.display === 'heatmap' || (data.series.length === 0 && data.histograms.length > 0);
  const text = describe(data, grid, zone);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || !shortcuts.get()) return;
    if (event.target !== event.currentTarget) return;
    const done = chartKey(event.key, [grid.startMs / 1000, grid.endMs / 1000], {
      ...actions,
      onReset: zoom.reset,
      onToggle: (what) => {
        if (what === 'legend') legendShown.set(!legend);
        else if (what === 'stacked')
          onChange({ display: panel.display === 'stacked' ? 'lines' : 'stacked' });
        else if (what === 'zero') onChange({ yAxis: panel.yAxis === 'zero' ? 'auto' : 'zero' });
        else onChange({ tab: 'table' });
      },
    });
    if (done) event.preventDefault();
  };
  return (
    <>
      {data.total > SERIES_MAX && (
        <p class="notice info" role="status">
          <Icon name="info" /> {SERIES_MAX.toLocaleString('en-US')} of{' '}
          {data.total.toLocaleString('en-US')} series are drawn: those with the greatest last value.
          Exports have them all.
        </p>
      )}
      {exemplars.error && (
        <p class="notice info" role="status">
          <Icon name="info" /> No exemplars: {exemplars.error}
        </p>
      )}
      <div
        class={`graph ${partial ? 'partial' : ''}`}
        tabIndex={0}
        role="group"
        aria-label={text}
        onKeyDown={onKeyDown}
      >
        {partial && (
          <span class="graph-mark">
            <Icon name="warn" size={12} /> partial
          </span>
        )}
        {heat ? (
          <HeatChart
            data={data}
            zone={zone}
            dark={dark}
            height={height}
            actions={actions}
            handle={handle}
          />
        ) : (
          <Chart
            data={data}
            strokes={strokes}
            visible={visible}
            highlight={pointed >= 0 ? pointed : near}
            stacked={panel.display === 'stacked'}
            draw={panel.draw}
            yAxis={panel.yAxis}
            yMin={panel.yMin}
            yMax={panel.yMax}
            zone={zone}
            dark={dark}
            height={height}
            exemplars={exemplars.list}
            traceUrlTemplate={config.traceUrlTemplate}
            actions={actions}
            onNear={setNear}
            handle={handle}
          />
        )}
      </div>
      {legend && !heat && (
        <Legend
          data={data}
          strokes={strokes}
          visible={visible}
          highlight={near}
          onHighlight={setPointed}
          onVisible={(next) => setHidden(new Set(names.filter((_, i) => !next[i])))}
          onFilter={onFilter}
        />
      )}
      {!legend && (
        <button type="button" class="small" onClick={() => legendShown.set(true)}>
          Show legend
        </button>
      )}
    </>
  );
}
