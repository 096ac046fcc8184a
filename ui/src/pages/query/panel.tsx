// One query: expression, controls, result.
import { useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import type { UiConfig } from '../../api/config';
import { Icon } from '../../components/icon';
import { ErrorBox } from '../../components/states';
import { type Change, type Heat, PanelControls, Tabs } from './controls';
import { Expression } from './editor';
import type { Surroundings } from './editor_client';
import type { Editor } from './editor_setup';
import { hasHeat } from './heat';
import { HistoryDialog } from './history_dialog';
import { MetricsDialog } from './metrics_dialog';
import { PanelMenu } from './panel_menu';
import { PanelResult, Statistics } from './panel_result';
import { gridOf, tenantHeader } from './request';
import { type GraphData, graphDataOf, isList } from './result';
import { stepProblem } from './step';
import type { PanelState } from './url_state';
import { useDraft } from './use_draft';
import { type Finished, useRun } from './use_run';
import { useZoom } from './use_zoom';

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

/** A picture's worth of the answer, or all of it (`seriesMax` Infinity) for exports. */
function graphOf(done: Finished | null, seriesMax?: number): GraphData | null {
  const grid = done?.kind === 'graph' ? done.request.grid : null;
  if (!grid || !done?.data || !isList(done.data)) return null;
  return graphDataOf(done.data.result, grid, seriesMax);
}

function heatOf(graph: GraphData | null): Heat {
  if (!graph || !hasHeat(graph)) return 'none';
  return graph.series.length === 0 ? 'only' : 'some';
}

function around(panel: PanelState, config: UiConfig): Surroundings {
  const { startMs, endMs } = gridOf(panel, config.defaultStep, Date.now());
  const header = tenantHeader(config, panel.tenant);
  return { stores: panel.stores, tenantHeader: header, startMs, endMs };
}

function StepProblem({ panel }: { panel: PanelState }) {
  if (panel.tab === 'table' || !('stepMs' in panel.resolution)) return null;
  const problem = stepProblem(panel.resolution.stepMs, panel.rangeMs);
  if (!problem) return null;
  return (
    <p class="notice info" role="status">
      <Icon name="info" /> {problem}
    </p>
  );
}

function RunButton({
  loading,
  onRun,
  onCancel,
}: {
  loading: boolean;
  onRun: () => void;
  onCancel: () => void;
}) {
  return loading ? (
    <button type="button" class="run" onClick={onCancel} title="Cancel (Esc)">
      <Icon name="stop" size={13} /> Cancel
    </button>
  ) : (
    <button type="button" class="run primary" onClick={onRun} title="Run (Enter)">
      <Icon name="play" size={13} /> Run
    </button>
  );
}

const isFormatKey = (event: KeyboardEvent): boolean =>
  event.key.toLowerCase() === 'f' && event.shiftKey && (event.ctrlKey || event.metaKey);

export function Panel(props: PanelProps) {
  const { id, panel, config, count, onChange } = props;
  const [dialog, setDialog] = useState<'history' | 'metrics' | null>(null);
  const editor = useRef<Editor | null>(null);
  const plot = useRef<uPlot | null>(null);
  const section = useRef<HTMLElement>(null);
  const draft = useDraft(panel.expr, props.draft);
  const state = useRun(panel, config, props.round);
  const zoom = useZoom(panel, onChange);
  const { done, loading } = state;
  const graph = useMemo(() => graphOf(done), [done]);
  const surroundings = (): Surroundings => around(panel, config);

  const submit = (expr = props.draft.current): void => {
    draft.settled();
    if (expr === panel.expr) state.run();
    else onChange({ expr });
  };
  const filter = (label: string, value: string, keep: boolean): void => {
    void import('./selectors').then(({ addMatcher }) =>
      submit(addMatcher(panel.expr, label, keep ? '=' : '!=', value)),
    );
  };
  const leave = (): void => {
    if (loading) state.cancel();
    else section.current?.querySelector<HTMLElement>('.run')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && loading) state.cancel();
    else if (isFormatKey(event)) draft.format();
    else return;
    event.preventDefault();
  };
  return (
    <section
      class="panel query-panel"
      ref={section}
      aria-label={panel.expr || 'New query'}
      onKeyDown={onKeyDown}
    >
      <div class="query-line">
        <Expression
          text={draft.text}
          version={draft.version}
          label="Expression"
          around={surroundings}
          onChange={draft.typed}
          onRun={() => submit()}
          onEscape={leave}
          onHistory={draft.fromHistory}
          handle={(made) => (editor.current = made)}
        />
        <RunButton loading={loading} onRun={() => submit()} onCancel={state.cancel} />
        <PanelMenu
          panel={{ ...panel, expr: draft.text }}
          done={done}
          graph={() => graphOf(done, Infinity)}
          plot={() => plot.current}
          count={count}
          onFormat={draft.format}
          onHistory={() => setDialog('history')}
          onMetrics={() => setDialog('metrics')}
          onDuplicate={props.onDuplicate}
          onMove={props.onMove}
          onRemove={props.onRemove}
        />
      </div>
      <div class="tab-line">
        <Tabs id={id} tab={panel.tab} onTab={(tab) => onChange({ tab })} />
        {done && !loading && <Statistics done={done} />}
        {draft.text !== panel.expr && !loading && <span class="edited">edited, not run</span>}
      </div>
      <div
        id={`${id}-body`}
        role="tabpanel"
        aria-labelledby={`${id}-${panel.tab}`}
        aria-busy={loading}
      >
        <PanelControls panel={panel} config={config} onChange={onChange} heat={heatOf(graph)} />
        <StepProblem panel={panel} />
        {draft.formatError && (
          <ErrorBox error={draft.formatError} title="This cannot be formatted" />
        )}
        <PanelResult
          panel={panel}
          config={config}
          state={state}
          graph={graph}
          zoom={zoom}
          onChange={onChange}
          onPick={submit}
          onFilter={filter}
          onPlace={(offset) => editor.current?.select(offset)}
          handle={(made) => (plot.current = made)}
        />
      </div>
      {dialog === 'metrics' && (
        <MetricsDialog
          around={surroundings}
          onClose={() => setDialog(null)}
          onPick={(metric) => {
            setDialog(null);
            if (editor.current) editor.current.insert(metric);
            else draft.set(props.draft.current + metric);
          }}
        />
      )}
      {dialog === 'history' && (
        <HistoryDialog
          onClose={() => setDialog(null)}
          onPick={(expr) => {
            setDialog(null);
            submit(expr);
          }}
        />
      )}
    </section>
  );
}
