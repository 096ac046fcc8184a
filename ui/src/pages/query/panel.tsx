// One query: expression, controls, result.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { ApiError, call } from '../../api/client';
import type { UiConfig } from '../../api/config';
import { timeZone } from '../../app/preferences';
import { Icon } from '../../components/icon';
import { Empty, ErrorBox, Loading, PartialBar } from '../../components/states';
import { formatCount, formatTook, plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { formatDuration, formatTime, zoneName } from '../../lib/time';
import { sortWarnings } from '../../lib/warnings';
import { type Change, PanelControls, Tabs } from './controls';
import { Expression } from './editor';
import type { Editor } from './editor_setup';
import { Explain } from './explain';
import { GraphView } from './graph_view';
import { hasHeat } from './heat';
import { history } from './history';
import { HistoryDialog } from './history_dialog';
import { MetricsDialog } from './metrics_dialog';
import { PanelMenu } from './panel_menu';
import { gridOf, tenantHeader } from './request';
import { graphDataOf, isList } from './result';
import { stepProblem } from './step';
import { coverageOf, knownStores, refreshStores } from './stores';
import { ResultTable } from './table';
import { TreeView } from './tree_view';
import type { PanelState } from './url_state';
import { type Finished, useRun } from './use_run';

export interface PanelProps {
  id: string;
  panel: PanelState;
  config: UiConfig;
  /** Changes when all panels are to run. */
  round: number;
  count: number;
  /** Takes effect: the address changes. */
  onChange: Change;
  onDuplicate: () => void;
  /** null: there is nowhere to go. */
  onMove: ((by: -1 | 1) => void) | null;
  onRemove: () => void;
  /** Asked by the page before it runs all: what is typed but not run yet. */
  draft: { current: string };
}

function Statistics({ done }: { done: Finished }) {
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

export function Panel(props: PanelProps) {
  const { id, panel, config, round, count, onChange, draft } = props;
  const [text, setText] = useState(panel.expr);
  const [version, setVersion] = useState(0);
  const [formatError, setFormatError] = useState<ApiError | null>(null);
  const [historyOpen, setHistoryOpen] = useState(false);
  const [metricsOpen, setMetricsOpen] = useState(false);
  const editor = useRef<Editor | null>(null);
  const plot = useRef<uPlot | null>(null);
  const zooms = useRef<{ rangeMs: number; endMs: number | null }[]>([]);
  const historyAt = useRef(-1);
  const section = useRef<HTMLElement>(null);
  const stores = useStore(knownStores);
  const { done, error, loading, startedAt, run, cancel, runs } = useRun(panel, config, round);

  const onTyped = (next: string): void => {
    setText(next);
    draft.current = next;
  };
  const setDraft = (next: string): void => {
    onTyped(next);
    setVersion((n) => n + 1);
  };
  useLayoutEffect(() => setDraft(panel.expr), [panel.expr]);

  const submit = (expr = draft.current): void => {
    historyAt.current = -1;
    setFormatError(null);
    if (expr === panel.expr) run();
    else onChange({ expr });
  };
  const fromHistory = (direction: -1 | 1): void => {
    const list = history.get();
    const at = Math.max(-1, Math.min(list.length - 1, historyAt.current - direction));
    historyAt.current = at;
    setDraft(at < 0 ? panel.expr : (list[at] ?? ''));
  };
  const format = (): void => {
    call<string>('api/v1/format_query', {
      method: 'POST',
      params: { query: draft.current },
      timeoutMs: 15_000,
    }).then(
      ({ data }) => {
        setFormatError(null);
        if (typeof data === 'string') setDraft(data);
      },
      (why: unknown) => setFormatError(why as ApiError),
    );
  };
  const zoom = (fromMs: number, toMs: number): void => {
    const rangeMs = Math.max(1000, Math.round((toMs - fromMs) / 1000) * 1000);
    zooms.current.push({ rangeMs: panel.rangeMs, endMs: panel.endMs });
    onChange({ rangeMs, endMs: Math.round(toMs / 1000) * 1000 });
  };
  const zoomBack = (): void => {
    const before = zooms.current.pop();
    if (before) onChange(before);
  };
  const zoomReset = (): void => {
    const first = zooms.current[0];
    zooms.current = [];
    if (first) onChange(first);
  };
  const filter = (label: string, value: string, keep: boolean): void => {
    void import('./selectors').then(({ addMatcher }) =>
      submit(addMatcher(panel.expr, label, keep ? '=' : '!=', value)),
    );
  };
  const around = () => {
    const { startMs, endMs } = gridOf(panel, config.defaultStep, Date.now());
    return {
      stores: panel.stores,
      tenantHeader: tenantHeader(config, panel.tenant),
      startMs,
      endMs,
    };
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && loading) {
      cancel();
      event.preventDefault();
    } else if (
      event.key.toLowerCase() === 'f' &&
      event.shiftKey &&
      (event.ctrlKey || event.metaKey)
    ) {
      event.preventDefault();
      format();
    }
  };

  const graph = useMemo(() => {
    const grid = done?.kind === 'graph' ? done.request.grid : null;
    return grid && done?.data && isList(done.data) ? graphDataOf(done.data.result, grid) : null;
  }, [done]);
  // For exports: also what is not drawn.
  const wholeGraph = () => {
    const grid = done?.request.grid;
    if (!grid || !done?.data || !isList(done.data) || !graph) return null;
    return graph.total <= graph.series.length
      ? graph
      : graphDataOf(done.data.result, grid, Infinity);
  };
  const heat = !graph || !hasHeat(graph) ? 'none' : graph.series.length === 0 ? 'only' : 'some';
  const problem =
    panel.tab !== 'table' && 'stepMs' in panel.resolution
      ? stepProblem(panel.resolution.stepMs, panel.rangeMs)
      : null;
  const parseAt = error ? offsetOf(error.message, panel.expr) : null;
  const partial = done !== null && sortWarnings(done.answer.warnings).failures.length > 0;
  const empty = done?.data && isList(done.data) && done.data.result.length === 0;
  const storeCount = panel.stores.length || (stores?.length ?? 0);

  return (
    <section
      class="panel query-panel"
      ref={section}
      aria-label={panel.expr || 'New query'}
      onKeyDown={onKeyDown}
    >
      <div class="query-line">
        <Expression
          text={text}
          version={version}
          label="Expression"
          around={around}
          onChange={onTyped}
          onRun={() => submit()}
          onEscape={() => {
            if (loading) cancel();
            else section.current?.querySelector<HTMLElement>('.run')?.focus();
          }}
          onHistory={fromHistory}
          handle={(made) => (editor.current = made)}
        />
        {loading ? (
          <button type="button" class="run" onClick={cancel} title="Cancel (Esc)">
            <Icon name="stop" size={13} /> Cancel
          </button>
        ) : (
          <button type="button" class="run primary" onClick={() => submit()} title="Run (Enter)">
            <Icon name="play" size={13} /> Run
          </button>
        )}
        <PanelMenu
          panel={{ ...panel, expr: text }}
          done={done}
          graph={wholeGraph}
          plot={() => plot.current}
          count={count}
          onFormat={format}
          onHistory={() => setHistoryOpen(true)}
          onMetrics={() => setMetricsOpen(true)}
          onDuplicate={props.onDuplicate}
          onMove={props.onMove}
          onRemove={props.onRemove}
        />
      </div>
      <div class="tab-line">
        <Tabs id={id} tab={panel.tab} onTab={(tab) => onChange({ tab })} />
        {done && !loading && <Statistics done={done} />}
        {text !== panel.expr && !loading && <span class="edited">edited, not run</span>}
      </div>
      <div
        id={`${id}-body`}
        role="tabpanel"
        aria-labelledby={`${id}-${panel.tab}`}
        aria-busy={loading}
      >
        <PanelControls panel={panel} config={config} onChange={onChange} heat={heat} />
        {problem && (
          <p class="notice info" role="status">
            <Icon name="info" /> {problem}
          </p>
        )}
        {formatError && <ErrorBox error={formatError} title="This cannot be formatted" />}
        {error && !loading && (
          <>
            <ErrorBox error={error} onRetry={run} />
            {parseAt !== null && (
              <button
                type="button"
                class="small"
                onClick={() => {
                  editor.current?.select(parseAt);
                  editor.current?.focus();
                }}
              >
                Go to the place
              </button>
            )}
          </>
        )}
        {loading && (
          <Loading startedAt={startedAt} onCancel={cancel} rows={8} quiet={done !== null} />
        )}
        {done && (
          <PartialBar
            warnings={done.answer.warnings}
            infos={done.answer.infos}
            stores={storeCount}
          />
        )}
        {done && (
          <div class={loading || error ? 'stale' : ''}>
            {empty && <EmptyResult done={done} panel={panel} />}
            {!empty && done.kind === 'table' && done.data && <ResultTable data={done.data} />}
            {!empty && graph && done.request.grid && (
              <GraphView
                data={graph}
                grid={done.request.grid}
                request={done.request}
                panel={panel}
                config={config}
                partial={partial}
                onChange={onChange}
                onZoom={zoom}
                onBack={zoomBack}
                onReset={zoomReset}
                onFilter={filter}
                handle={(made) => (plot.current = made)}
              />
            )}
            {(done.kind === 'explain' || done.kind === 'analyze') && done.plan && (
              <Explain plan={done.plan} analysed={done.kind === 'analyze'} />
            )}
            {done.kind === 'analyze' && !done.plan && <Empty title="The server sent no analysis" />}
          </div>
        )}
        {panel.tab === 'explain' && panel.explain === 'tree' && panel.expr.trim() !== '' && (
          <TreeView panel={panel} config={config} round={runs} onPick={submit} />
        )}
        {!done && !error && !loading && panel.expr.trim() === '' && (
          <Empty title="Type an expression">
            <p>
              Ctrl+Space completes metrics, labels, values and functions; <kbd>?</kbd> shows all
              keys.
            </p>
          </Empty>
        )}
      </div>
      {metricsOpen && (
        <MetricsDialog
          around={around}
          onClose={() => setMetricsOpen(false)}
          onPick={(metric) => {
            setMetricsOpen(false);
            if (editor.current) editor.current.insert(metric);
            else setDraft(draft.current + metric);
          }}
        />
      )}
      {historyOpen && (
        <HistoryDialog
          onClose={() => setHistoryOpen(false)}
          onPick={(expr) => {
            setHistoryOpen(false);
            submit(expr);
          }}
        />
      )}
    </section>
  );
}
