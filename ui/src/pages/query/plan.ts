// Plans of queries, read: what the names say, and what took how long.
import type { PlanNode } from './result';
import { formatDuration } from '../../lib/time';

const UNITS_MS: Record<string, number> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  µs: 1e-3,
  μs: 1e-3,
  us: 1e-3,
  ns: 1e-6,
};

/** A duration as Go prints it, "1m2.5s" or "16.2µs", in ms; 0 when it is none. */
export function goDurationMs(text: string | undefined): number {
  if (!text) return 0;
  let sum = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)(ms|µs|μs|us|ns|h|m|s)/g)) {
    sum += Number(number) * (UNITS_MS[unit ?? ''] ?? 0);
  }
  return Number.isFinite(sum) ? sum : 0;
}

export interface PlanRow {
  node: PlanNode;
  depth: number;
  /** What the operator is, and how it works. */
  title: string;
  detail: string;
  /** Its own, without what lies below: on the thread that pulls, and on the pool. */
  pullMs: number;
  workerMs: number;
  /** Of the greatest of its tree, 0 to 1. */
  share: number;
  /** Position among the rows: 0, 0.1, … for collapsing. */
  path: string;
}

/** "sum by (job): holds groups, …" in two; durations as people write them. */
export function splitName(name: string): [string, string] {
  // A colon followed by a blank, outside of braces and quotes: recording rules have colons too.
  let depth = 0;
  let quote = '';
  let at = -1;
  for (let i = 0; i < name.length && at < 0; ++i) {
    const c = name[i]!;
    if (quote) {
      if (c === '\\') ++i;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'" || c === '`') quote = c;
    else if ('([{'.includes(c)) ++depth;
    else if (')]}'.includes(c)) --depth;
    else if (c === ':' && depth === 0 && name[i + 1] === ' ') at = i;
  }
  const title = at < 0 ? name : name.slice(0, at);
  const readable = title.replace(
    /\[(\d+)ms\]/g,
    (_, ms: string) => `[${formatDuration(Number(ms))}]`,
  );
  return [readable, at < 0 ? '' : name.slice(at + 2)];
}

/** The tree from the root down, each node before its children. */
export function planRows(root: PlanNode): PlanRow[] {
  const rows: PlanRow[] = [];
  const visit = (node: PlanNode, depth: number, path: string): void => {
    const [title, detail] = splitName(node.name);
    const pullMs = goDurationMs(node.executionTime);
    const workerMs = goDurationMs(node.workerTime);
    rows.push({ node, depth, title, detail, pullMs, workerMs, share: 0, path });
    (node.children ?? []).forEach((child, i) => visit(child, depth + 1, `${path}.${i}`));
  };
  visit(root, 0, '0');
  const most = rows.reduce((max, row) => Math.max(max, row.pullMs + row.workerMs), 0);
  for (const row of rows) row.share = most > 0 ? (row.pullMs + row.workerMs) / most : 0;
  return rows;
}
