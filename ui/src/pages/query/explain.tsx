// The plan of a query as a tree; analysed, with what each operator did.
import { useMemo, useState } from 'preact/hooks';
import { Icon } from '../../components/icon';
import { formatBytes, formatCount, formatTook, plural } from '../../lib/format';
import { goDurationMs, planRows, type PlanRow } from './plan';
import type { PlanNode } from './result';

function Fanout({ row }: { row: PlanRow }) {
  const stores = row.node.fanout ?? [];
  if (stores.length === 0) return null;
  const slowest = Math.max(...stores.map(({ duration }) => goDurationMs(duration)));
  return (
    <details class="fanout" open={stores.length <= 8}>
      <summary>{plural(stores.length, 'store')}</summary>
      <table>
        <thead>
          <tr>
            <th>Store</th>
            <th>Time</th>
            <th class="number">Series</th>
            <th class="number">Chunks</th>
            <th class="number">Samples</th>
            <th class="number">Bytes</th>
          </tr>
        </thead>
        <tbody>
          {stores.map((one, i) => (
            <tr key={i}>
              <td class="mono wrap">
                {one.endpointAddr ?? ''}
                {one.error && <div class="error-text wrap">{one.error}</div>}
              </td>
              <td class="plan-time">
                <Bar share={goDurationMs(one.duration) / slowest} />
                {one.duration ?? ''}
              </td>
              <td class="number">{count(one.series)}</td>
              <td class="number">{count(one.chunks)}</td>
              <td class="number">{count(one.samples)}</td>
              <td class="number">{bytes(one.bytesProcessed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

/** 0 to 1 as a length. */
function Bar({ share }: { share: number }) {
  const percent = Number.isFinite(share) ? Math.round(share * 100) : 0;
  return (
    <span class="plan-bar">
      <span style={{ width: `${percent}%` }} />
    </span>
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
                <th class="number" title="On the pool, summed over its threads">
                  Workers
                </th>
                <th class="number">Series</th>
                <th class="number">Samples</th>
                <th class="number">Rows</th>
                <th class="number" title="Bytes of chunks read">
                  Chunks
                </th>
                <th class="number" title="Most bytes held at a time">
                  Peak
                </th>
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
                    <button
                      type="button"
                      class="ghost icon-only"
                      aria-label={closed.has(row.path) ? 'Open' : 'Close'}
                      aria-expanded={!closed.has(row.path)}
                      onClick={() => toggle(row.path)}
                    >
                      <Icon name={closed.has(row.path) ? 'right' : 'down'} size={12} />
                    </button>
                  ) : (
                    <span class="plan-leaf" />
                  )}
                  <div>
                    <div class="mono wrap">{row.title}</div>
                    {row.detail && <div class="muted small-text wrap">{row.detail}</div>}
                    <Fanout row={row} />
                  </div>
                </div>
              </td>
              {analysed && (
                <>
                  <td class="plan-time">
                    <Bar share={row.share} />
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
