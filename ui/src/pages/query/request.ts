// What a panel asks the API.
import type { CallOptions, Params } from '../../api/client';
import type { UiConfig } from '../../api/config';
import type { Grid } from './result';
import { stepOf } from './step';
import type { PanelState } from './url_state';

export interface QueryRequest extends CallOptions {
  path: string;
  params: Params;
  headers: Record<string, string>;
  /** null: one moment. */
  grid: Grid | null;
}

export type Kind = 'graph' | 'table' | 'explain' | 'analyze';

/** Seconds with at most three digits. */
const seconds = (ms: number): number => Math.round(ms) / 1000;

/** A selector of storeMatch[] for one address. */
export const storeSelector = (address: string): string =>
  `{__address__=${JSON.stringify(address)}}`;

export function gridOf(panel: PanelState, defaultStep: number, nowMs: number): Grid {
  const stepMs = stepOf(panel.resolution, panel.rangeMs, defaultStep);
  // "Now" is the last whole step: points keep their places from run to run, so lines do not dance
  // when they are refreshed, and caches are asked the same again.
  const endMs = panel.endMs ?? Math.floor(nowMs / stepMs) * stepMs;
  return { startMs: endMs - panel.rangeMs, endMs, stepMs };
}

export function tenantHeader(config: UiConfig, tenant: string): Record<string, string> {
  return config.tenant.enabled && tenant ? { [config.tenant.header]: tenant } : {};
}

function sharedParams(panel: PanelState): Record<string, Params[string]> {
  return {
    query: panel.expr,
    dedup: panel.dedup,
    partial_response: panel.partial,
    'storeMatch[]': panel.stores.map(storeSelector),
    max_source_resolution: panel.maxSourceResolution,
    engine: panel.engine,
  };
}

export function requestOf(
  panel: PanelState,
  kind: Kind,
  config: UiConfig,
  nowMs: number,
  trace: boolean,
): QueryRequest {
  const headers = tenantHeader(config, panel.tenant);
  if (trace) headers['X-Thanos-Force-Tracing'] = 'true';
  const shared = { headers, timeoutMs: 10 * 60_000 };
  const params = sharedParams(panel);
  if (kind === 'table') {
    const at = seconds(panel.endMs ?? nowMs);
    const own = { time: at, stats: 'true' };
    return {
      ...shared,
      method: 'POST',
      path: 'api/v1/query',
      params: { ...params, ...own },
      grid: null,
    };
  }
  const grid = gridOf(panel, config.defaultStep, nowMs);
  const range = {
    start: seconds(grid.startMs),
    end: seconds(grid.endMs),
    step: grid.stepMs / 1000,
  };
  // Plans are of the engine that makes them.
  if (kind === 'explain') {
    const own = { ...params, ...range, engine: 'thanos' };
    return { ...shared, method: 'GET', path: 'api/v1/query_range_explain', params: own, grid };
  }
  const own = kind === 'analyze' ? { engine: 'thanos', analyze: 'true' } : {};
  const all = { ...params, ...range, stats: 'true', ...own };
  return { ...shared, method: 'POST', path: 'api/v1/query_range', params: all, grid };
}
