// The plan of a query as a tree; analysed, with what each operator did.
import { useMemo, useState } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { formatBytes, formatCount, formatTook } from '../../lib/format';
import { planRows, type PlanRow } from './plan';
import type { PlanNode } from './result';

function Stores({ row }: { row: PlanRow }) {
  const stores = row.node.stores ?? [];
  if (stores.length === 0) return null;
  return (
    <ul class="plan-stores">
      {stores.map(({ name, series, chunkBytes, executionTime }) => (
        <li key={name}>
          <span class="mono">{name}</span>{' '}
          <span class="muted">
            {[series !== undefined && `${formatCount(series)} series`, chunkBytes !== undefined && formatBytes(chunkBytes), executionTime].filter(Boolean).join(' · ')}
          </span>
        </li>
      ))}
    </ul>
  );
}

const count = (value: number | undefined): string => (value ? formatCount(value) : '');
const bytes = (value: number | undefined): string => (value ? formatBytes(value) : '');

export function Explain({ plan, analysed }: { plan: PlanNode; analysed: boolean }) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => planRows(plan), [plan]);
  const shown = rows.filter(({ path }) => ![...closed].some((one) => path.startsWith(one + '.')));
  const toggle = (path: string): void => {
    const next = new Set(closed);
    if (!next.delete(path)) next.add(path);
    setClosed(next);
  };
  return (
    <div class="table-box plan" tabIndex={0} role="region" aria-label="Plan">
      <table>
        <thead>
          <tr>
            <th>Operator</th>
            {analysed && (
              <>
                <th>Own time</th>
                <th class="number" title="On the pool, summed over its threads">Workers</th>
                <th class="number">Series</th>
                <th class="number">Samples</th>
                <th class="number">Rows</th>
                <th class="number" title="Bytes of chunks read">Chunks</th>
                <th class="number" title="Most bytes held at a time">Peak</th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={row.path}>
              <td>
                <div class="plan-node" style={{ paddingLeft: `${row.depth * 20}px` }}>
                  {row.node.children?.length ? (
                    <button type="button" class="ghost icon-only" aria-label={closed.has(row.path) ? 'Open' : 'Close'} aria-expanded={!closed.has(row.path)} onClick={() => toggle(row.path)}>
                      <Icon name={closed.has(row.path) ? 'right' : 'down'} size={12} />
                    </button>
                  ) : (
                    <span class="plan-leaf" />
                  )}
                  <div>
                    <div class="mono wrap">{row.title}</div>
                    {row.detail && <div class="muted small-text wrap">{row.detail}</div>}
                    <Stores row={row} />
                  </div>
                </div>
              </td>
              {analysed && (
                <>
                  <td class="plan-time">
                    <span class="plan-bar"><span style={{ width: `${Math.round(row.share * 100)}%` }} /></span>
                    {row.pullMs > 0 ? formatTook(row.pullMs) : '–'}
                  </td>
                  <td class="number">{row.workerMs > 0 ? formatTook(row.workerMs) : ''}</td>
                  <td class="number">{count(row.node.series)}</td>
                  <td class="number">{count(row.node.totalSamples)}</td>
                  <td class="number">{count(row.node.rows)}</td>
                  <td class="number">{bytes(row.node.chunkBytes)}</td>
                  <td class="number">{bytes(row.node.peakBytes)}</td>
                </>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
