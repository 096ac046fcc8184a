// Running the query of a panel: one at a time, an older one is aborted.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Answer, call, curlOf } from '../../api/client';
import type { UiConfig } from '../../api/config';
import { announce } from '../../app/live';
import { formatTook, plural } from '../../lib/format';
import { createStore } from '../../lib/store';
import { remember } from './history';
import { type Kind, type QueryRequest, requestOf } from './request';
import { checkQueryData, isList, type PlanNode, type QueryData } from './result';
import type { PanelState } from './url_state';

/** Ask for a trace of each query; until the page is left. */
export const forceTracing = createStore(false);

export interface Finished {
  kind: Kind;
  request: QueryRequest;
  answer: Answer<unknown>;
  /** null for plans. */
  data: QueryData | null;
  plan: PlanNode | null;
  traceId: string;
  curl: string;
}

export interface RunState {
  done: Finished | null;
  error: ApiError | null;
  loading: boolean;
  startedAt: number;
}

// Queries on their way, of all panels.
let running = 0;

/** Whether a query is on its way: a slow server is not asked again before it has answered. */
export const isAnyRunning = (): boolean => running > 0;

const IDLE: RunState = { done: null, error: null, loading: false, startedAt: 0 };

function finish(kind: Kind, request: QueryRequest, answer: Answer<unknown>): Finished {
  const traceId = answer.headers.get('X-Thanos-Trace-ID') ?? '';
  const shared = { kind, request, answer, traceId, curl: curlOf(request.path, request) };
  if (kind === 'explain') {
    const plan = answer.data as PlanNode | null;
    if (typeof plan?.name !== 'string') throw new ApiError('format', 'The answer is no plan.');
    return { ...shared, data: null, plan };
  }
  const data = checkQueryData(answer.data);
  const plan = typeof data.analysis?.name === 'string' ? (data.analysis as PlanNode) : null;
  return { ...shared, data, plan };
}

function tell({ data, answer }: Finished): void {
  const parts = ['Done'];
  if (data && isList(data)) parts.push(plural(data.result.length, 'series', 'series'));
  parts.push(formatTook(answer.tookMs));
  if (answer.warnings.length > 0) parts.push(plural(answer.warnings.length, 'warning'));
  announce(parts.join(', '));
}

/** Runs when what is asked changes, when `round` does, and on run(). */
export function useRun(panel: PanelState, config: UiConfig, round: number) {
  const [state, setState] = useState<RunState>(IDLE);
  const [own, setOwn] = useState(0);
  const current = useRef<AbortController | null>(null);
  const tree = panel.tab === 'explain' && panel.explain === 'tree';
  const kind: Kind =
    panel.tab !== 'explain' ? panel.tab : panel.explain === 'analyze' ? 'analyze' : 'explain';
  // Of a fixed moment: what is asked "now" differs each time, and is no reason to ask again.
  const { path, params, headers } = requestOf(panel, kind, config, 0, false);
  // The parts of a tree run by themselves.
  const key = panel.expr.trim() && !tree ? JSON.stringify([path, params, headers]) : '';

  useEffect(() => {
    if (key === '') {
      setState(IDLE);
      return;
    }
    const control = new AbortController();
    current.current = control;
    ++running;
    const request = requestOf(panel, kind, config, Date.now(), forceTracing.get());
    setState((old) => ({
      // A table is no picture of a graph: only the same kind stays visible while waiting.
      done: old.done?.kind === kind ? old.done : null,
      error: null,
      loading: true,
      startedAt: performance.now(),
    }));
    const fail = (why: unknown): void => {
      if (current.current !== control) return;
      const error = why instanceof ApiError ? why : new ApiError('format', String(why));
      announce(error.kind === 'aborted' ? 'Cancelled' : `Failed: ${error.message}`);
      setState((old) => ({ ...old, error, loading: false }));
    };
    call<unknown>(request.path, { ...request, signal: control.signal })
      .then((answer) => {
        if (current.current !== control) return;
        const done = finish(kind, request, answer);
        remember(panel.expr);
        tell(done);
        setState({ done, error: null, loading: false, startedAt: 0 });
      })
      .catch(fail)
      .finally(() => --running);
    return () => {
      if (current.current === control) current.current = null;
      control.abort();
    };
  }, [key, round, own]);

  const run = useCallback(() => setOwn((n) => n + 1), []);
  const cancel = useCallback(() => current.current?.abort(), []);
  return { ...state, run, cancel, runs: round + own };
}
