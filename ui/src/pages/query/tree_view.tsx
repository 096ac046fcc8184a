// Each part of an expression, run: how many series, how long, which labels tell them apart.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, call } from '../../api/client';
import type { UiConfig } from '../../api/config';
import { Badge } from '../../components/controls';
import { Icon } from '../../components/icon';
import { Empty } from '../../components/states';
import { formatCount, formatTook, plural } from '../../lib/format';
import { requestOf } from './request';
import { checkQueryData, isList, type ListData } from './result';
import { NODES_MAX, queryTree, runnable, type TreeNode } from './tree';
import type { PanelState } from './url_state';

const PARALLEL = 4;
/** Series asked for; "≥" stands before the count when there are more. */
const SERIES_ASKED = 10_000;
const LABELS_SHOWN = 6;

interface Outcome {
  state: 'waiting' | 'running' | 'done' | 'failed';
  ms: number;
  /** Number of series, or the value of a scalar. */
  text: string;
  labels: [name: string, values: number][];
  error: string;
  empty: boolean;
}

const WAITING: Outcome = { state: 'waiting', ms: 0, text: '', labels: [], error: '', empty: false };

/** How many values each label has, most first. */
export function labelCounts({ result }: ListData): [string, number][] {
  const values = new Map<string, Set<string>>();
  for (const { metric } of result) {
    for (const [name, value] of Object.entries(metric)) {
      const seen = values.get(name);
      if (seen) seen.add(value);
      else values.set(name, new Set([value]));
    }
  }
  return [...values]
    .map(([name, seen]): [string, number] => [name, seen.size])
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

async function runNode(
  node: TreeNode,
  panel: PanelState,
  config: UiConfig,
  signal: AbortSignal,
): Promise<Outcome> {
  const request = requestOf({ ...panel, expr: runnable(node) }, 'table', config, Date.now(), false);
  const params = { ...request.params, limit: SERIES_ASKED };
  const answer = await call<unknown>(request.path, { ...request, params, signal });
  const data = checkQueryData(answer.data);
  const took = data.stats?.timings?.['execTotalTime'];
  const ms = typeof took === 'number' ? took * 1000 : answer.tookMs;
  if (!isList(data))
    return { ...WAITING, state: 'done', ms, text: `${data.resultType} ${data.result[1]}` };
  const count = data.result.length;
  const text = `${count >= SERIES_ASKED ? '≥ ' : ''}${plural(count, 'series', 'series')}`;
  return { ...WAITING, state: 'done', ms, text, labels: labelCounts(data), empty: count === 0 };
}

function useOutcomes(
  nodes: readonly TreeNode[],
  panel: PanelState,
  config: UiConfig,
  round: number,
) {
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Outcome>>(new Map());
  const [control, setControl] = useState<AbortController | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    setControl(stop);
    setOutcomes(new Map());
    const put = (path: string, outcome: Outcome): void => {
      if (!stop.signal.aborted || outcome.state === 'failed')
        setOutcomes((old) => new Map(old).set(path, outcome));
    };
    let gone = false;
    const queue = [...nodes];
    const work = async (): Promise<void> => {
      for (let node = queue.shift(); node && !stop.signal.aborted; node = queue.shift()) {
        put(node.path, { ...WAITING, state: 'running' });
        try {
          put(node.path, await runNode(node, panel, config, stop.signal));
        } catch (why) {
          if (gone) return;
          put(node.path, {
            ...WAITING,
            state: 'failed',
            error: why instanceof ApiError ? why.message : String(why),
          });
        }
      }
    };
    void Promise.all(Array.from({ length: PARALLEL }, work)).then(() => !gone && setControl(null));
    return () => {
      gone = true;
      stop.abort();
    };
  }, [nodes, round]);
  return { outcomes, cancel: control ? () => control.abort() : null };
}

function Result({ outcome }: { outcome: Outcome | undefined }) {
  if (!outcome || outcome.state === 'waiting') return <span class="muted">waiting</span>;
  if (outcome.state === 'running')
    return (
      <>
        <span class="spinner" /> <span class="muted">running</span>
      </>
    );
  if (outcome.state === 'failed')
    return (
      <span class="error-text wrap">
        <Icon name="error" size={13} /> {outcome.error}
      </span>
    );
  return (
    <span class="tree-result">
      <Badge tone={outcome.empty ? 'warn' : 'plain'}>{outcome.text}</Badge>
      <span class="muted">{formatTook(outcome.ms)}</span>
      {outcome.labels.slice(0, LABELS_SHOWN).map(([name, values]) => (
        <span key={name} class="label" title={`${formatCount(values)} values of ${name}`}>
          {name} <b>{formatCount(values)}</b>
        </span>
      ))}
      {outcome.labels.length > LABELS_SHOWN && (
        <span class="muted">+{outcome.labels.length - LABELS_SHOWN}</span>
      )}
    </span>
  );
}

export function TreeView({
  panel,
  config,
  round,
  onPick,
}: {
  panel: PanelState;
  config: UiConfig;
  /** Changes when all is to be run again. */
  round: number;
  /** Makes a part the query. */
  onPick: (expr: string) => void;
}) {
  const asked = JSON.stringify(requestOf(panel, 'table', config, 0, false).params);
  const nodes = useMemo(() => queryTree(panel.expr), [asked]);
  const { outcomes, cancel } = useOutcomes(nodes, panel, config, round);
  if (nodes.length === 0) {
    return (
      <Empty title="No tree">
        {panel.expr.trim() !== '' && <p>The expression cannot be parsed: run it to see why.</p>}
      </Empty>
    );
  }
  return (
    <>
      {cancel && (
        <p class="legend-tools">
          <span class="spinner" /> Running the parts{' '}
          <button type="button" class="small" onClick={cancel}>
            Cancel
          </button>
        </p>
      )}
      {nodes.length >= NODES_MAX && <p class="muted">The first {NODES_MAX} parts are shown.</p>}
      <div class="table-box plan" tabIndex={0} role="region" aria-label="Query tree">
        <table>
          <thead>
            <tr>
              <th>Part</th>
              <th>Result at the end of the range</th>
              <th>
                <span class="visually-hidden">Tools</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.path}>
                <td>
                  <div class="mono wrap" style={{ paddingLeft: `${node.depth * 22}px` }}>
                    {node.title}
                  </div>
                </td>
                <td>
                  <Result outcome={outcomes.get(node.path)} />
                </td>
                <td class="number">
                  <button
                    type="button"
                    class="small"
                    title={`Run ${node.text}`}
                    onClick={() => onPick(node.text)}
                  >
                    Use as query
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
