// What a panel shows for its query: statistics, errors, warnings, the answer.
import { useEffect } from 'preact/hooks';
import type uPlot from 'uplot';
import type { UiConfig } from '../../api/config';
import { timeZone } from '../../app/preferences';
import { Empty, ErrorBox, Loading, PartialBar } from '../../components/states';
import { formatCount, formatTook, plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { formatDuration, formatTime, zoneName } from '../../lib/time';
import { sortWarnings } from '../../lib/warnings';
import type { Change } from './controls';
import { Explain } from './explain';
import { GraphView } from './graph_view';
import { type GraphData, isList } from './result';
import { coverageOf, knownStores, refreshStores } from './stores';
import { ResultTable } from './table';
import { TreeView } from './tree_view';
import type { PanelState } from './url_state';
import type { Finished, RunState } from './use_run';
import type { Zoom } from './use_zoom';

export function Statistics({ done }: { done: Finished }) {
  const { data, answer, request, traceId } = done;
  const samples = data?.stats?.samples?.totalQueryableSamples;
  const server = data?.stats?.timings?.['execTotalTime'];
  const parts = [
    data && isList(data) ? plural(data.result.length, 'series', 'series') : '',
    formatTook(answer.tookMs),
    typeof server === 'number' ? `server ${formatTook(server * 1000)}` : '',
    request.grid && done.kind !== 'explain' ? `step ${formatDuration(request.grid.stepMs)}` : '',
    typeof samples === 'number' ? `${formatCount(samples)} samples` : '',
  ].filter(Boolean);
  return (
    <p class="statistics muted">
      {parts.join(' · ')}
      {traceId && <span class="mono"> · trace {traceId}</span>}
    </p>
  );
}

// Why there may be nothing: outside of what the stores have, or nothing by that name.
function EmptyResult({ done, panel }: { done: Finished; panel: PanelState }) {
  const zone = useStore(timeZone);
  const stores = useStore(knownStores);
  useEffect(refreshStores, []);
  const asked =
    stores?.filter(({ name }) => panel.stores.length === 0 || panel.stores.includes(name)) ?? [];
  const coverage = coverageOf(asked);
  const { grid, params } = done.request;
  const fromMs = grid?.startMs ?? Number(params['time']) * 1000;
  const toMs = grid?.endMs ?? fromMs;
  const outside = coverage !== null && (toMs < coverage.minMs || fromMs > coverage.maxMs);
  const when = grid
    ? `between ${formatTime(fromMs, zone)} and ${formatTime(toMs, zone)} ${zoneName(zone)}`
    : `at ${formatTime(fromMs, zone)} ${zoneName(zone)}`;
  return (
    <Empty title="No series">
      <p>
        <code class="wrap">{String(params['query']).slice(0, 500)}</code> has no samples {when}.
      </p>
      {coverage && (
        <p>
          {outside ? 'This lies outside of what ' : 'What '}
          {panel.stores.length > 0 ? 'the chosen stores have' : 'the stores have'}
          {outside ? ': ' : ' reaches from '}
          {formatTime(coverage.minMs, zone)} to {formatTime(coverage.maxMs, zone)}.
        </p>
      )}
      {stores?.length === 0 && <p>The querier knows no store: see the endpoints page.</p>}
    </Empty>
  );
}

const offsetOf = (message: string, text: string): number | null => {
  const match = /(?:^|\D)(\d+):(\d+): parse error/.exec(message);
  if (!match) return null;
  const lines = text.split('\n').slice(0, Number(match[1]) - 1);
  return lines.reduce((sum, line) => sum + line.length + 1, 0) + Number(match[2]) - 1;
};

export interface ResultProps {
  panel: PanelState;
  config: UiConfig;
  state: RunState & { run: () => void; cancel: () => void; runs: number };
  graph: GraphData | null;
  zoom: Zoom;
  onChange: Change;
  /** Makes an expression the query. */
  onPick: (expr: string) => void;
  onFilter: (label: string, value: string, keep: boolean) => void;
  /** To a place in the expression, from 0. */
  onPlace: (offset: number) => void;
  handle: (plot: uPlot | null) => void;
}

function Failure({ panel, state, onPlace }: ResultProps) {
  const { error } = state;
  if (!error || state.loading) return null;
  const place = offsetOf(error.message, panel.expr);
  return (
    <>
      <ErrorBox error={error} onRetry={state.run} />
      {place !== null && (
        <button type="button" class="small" onClick={() => onPlace(place)}>
          Go to the place
        </button>
      )}
    </>
  );
}

function Answer(props: ResultProps & { done: Finished }) {
  const { done, panel, config, graph, zoom } = props;
  const stores = useStore(knownStores);
  const { warnings, infos } = done.answer;
  const partial = sortWarnings(warnings).failures.length > 0;
  const empty = done.data && isList(done.data) && done.data.result.length === 0;
  const { grid } = done.request;
  return (
    <>
      <PartialBar
        warnings={warnings}
        infos={infos}
        stores={panel.stores.length || (stores?.length ?? 0)}
      />
      <div class={props.state.loading || props.state.error ? 'stale' : ''}>
        {empty && <EmptyResult done={done} panel={panel} />}
        {!empty && done.kind === 'table' && done.data && <ResultTable data={done.data} />}
        {!empty && graph && grid && (
          <GraphView
            data={graph}
            grid={grid}
            request={done.request}
            panel={panel}
            config={config}
            partial={partial}
            zoom={zoom}
            onChange={props.onChange}
            onFilter={props.onFilter}
            handle={props.handle}
          />
        )}
        {done.kind !== 'graph' && done.plan && (
          <Explain plan={done.plan} analysed={done.kind === 'analyze'} />
        )}
        {done.kind === 'analyze' && !done.plan && <Empty title="The server sent no analysis" />}
      </div>
    </>
  );
}

export function PanelResult(props: ResultProps) {
  const { panel, config, state } = props;
  const { done, error, loading } = state;
  const nothing = panel.expr.trim() === '';
  return (
    <>
      <Failure {...props} />
      {loading && (
        <Loading
          startedAt={state.startedAt}
          onCancel={state.cancel}
          rows={8}
          quiet={done !== null}
        />
      )}
      {done && <Answer {...props} done={done} />}
      {panel.tab === 'explain' && panel.explain === 'tree' && !nothing && (
        <TreeView panel={panel} config={config} round={state.runs} onPick={props.onPick} />
      )}
      {!done && !error && !loading && nothing && (
        <Empty title="Type an expression">
          <p>
            Ctrl+Space completes metrics, labels, values and functions; <kbd>?</kbd> shows all keys.
          </p>
        </Empty>
      )}
    </>
  );
}
