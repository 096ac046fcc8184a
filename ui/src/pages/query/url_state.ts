// The panels of the query page as an address. Links of Thanos and of Prometheus 3 are read, and
// what is written both of them read: `gN.` before each key, N from 0, the expression first.
import { formatTime, parseDuration, parseTime } from '../../lib/time';

export type Tab = 'graph' | 'table' | 'explain';
export type Display = 'lines' | 'stacked' | 'heatmap';
export type Draw = 'line' | 'step' | 'points';
export type YAxis = 'auto' | 'zero' | 'log' | 'fixed';
/** What the explain tab shows: the plan, what it did when run, or the parts of the expression. */
export type ExplainView = 'plan' | 'analyze' | 'tree';
export type Density = 'low' | 'medium' | 'high';
export type Resolution = { density: Density } | { stepMs: number };

export interface PanelState {
  expr: string;
  tab: Tab;
  display: Display;
  draw: Draw;
  yAxis: YAxis;
  /** Of a fixed axis; null: as the values have it. */
  yMin: number | null;
  yMax: number | null;
  rangeMs: number;
  /** null: now. */
  endMs: number | null;
  resolution: Resolution;
  /** "auto", "0s", "5m", "1h". */
  maxSourceResolution: string;
  dedup: boolean;
  partial: boolean;
  /** Addresses; none: all stores. */
  stores: string[];
  engine: string;
  tenant: string;
  exemplars: boolean;
  explain: ExplainView;
}

export interface PanelDefaults {
  partial: boolean;
  engine: string;
  tenant: string;
}

export function newPanel(defaults: PanelDefaults): PanelState {
  return {
    expr: '',
    tab: 'graph',
    display: 'lines',
    draw: 'line',
    yAxis: 'auto',
    yMin: null,
    yMax: null,
    rangeMs: 3_600_000,
    endMs: null,
    resolution: { density: 'medium' },
    maxSourceResolution: 'auto',
    dedup: true,
    partial: defaults.partial,
    stores: [],
    engine: defaults.engine,
    tenant: defaults.tenant,
    exemplars: false,
    explain: 'plan',
  };
}

// Thanos reads one number and one unit only.
function rangeText(ms: number): string {
  const units: [string, number][] = [
    ['w', 604_800_000],
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  const found = units.find(([, size]) => ms % size === 0);
  return found ? `${ms / found[1]}${found[0]}` : `${ms}ms`;
}

// UTC; milliseconds only where there are some.
const timeText = (ms: number): string => formatTime(ms, 'UTC', ms % 1000 !== 0);

const flag = (value: boolean): string => (value ? '1' : '0');

export function encodePanels(panels: readonly PanelState[]): string {
  const out = new URLSearchParams();
  panels.forEach((panel, n) => {
    const put = (key: string, value: string): void => out.append(`g${n}.${key}`, value);
    put('expr', panel.expr);
    put('tab', panel.tab === 'graph' ? '0' : panel.tab === 'table' ? '1' : 'explain');
    put('range_input', rangeText(panel.rangeMs));
    if (panel.endMs !== null) {
      put('end_input', timeText(panel.endMs));
      put('moment_input', timeText(panel.endMs));
    }
    if ('stepMs' in panel.resolution) {
      const seconds = String(panel.resolution.stepMs / 1000);
      put('step_input', seconds);
      put('res_type', 'fixed');
      put('res_step', seconds);
    } else if (panel.resolution.density !== 'medium') {
      put('res_type', 'auto');
      put('res_density', panel.resolution.density);
    }
    put('display_mode', panel.display);
    put('stacked', flag(panel.display === 'stacked'));
    put('deduplicate', flag(panel.dedup));
    put('partial_response', flag(panel.partial));
    put('max_source_resolution', panel.maxSourceResolution);
    if (panel.stores.length > 0) {
      put('store_matches', JSON.stringify(panel.stores.map((name) => ({ name }))));
    }
    put('engine', panel.engine);
    if (panel.tenant) put('tenant', panel.tenant);
    if (panel.exemplars) put('show_exemplars', '1');
    if (panel.explain === 'analyze') put('analyze', '1');
    if (panel.explain === 'tree') put('show_tree', '1');
    if (panel.yAxis === 'zero') put('y_axis_min', '0');
    if (panel.yAxis === 'log' || panel.yAxis === 'fixed') put('y_axis', panel.yAxis);
    if (panel.yAxis === 'fixed') {
      if (panel.yMin !== null) put('y_axis_min', String(panel.yMin));
      if (panel.yMax !== null) put('y_axis_max', String(panel.yMax));
    }
    if (panel.draw !== 'line') put('draw', panel.draw);
  });
  return out.toString();
}

const oneOf = <T extends string>(text: string, values: readonly T[], fallback: T): T =>
  values.includes(text as T) ? (text as T) : fallback;

// [{"name":"host:1"}], as Thanos writes it, or ["host:1"].
function storesOf(text: string): string[] {
  try {
    const value: unknown = JSON.parse(text);
    if (!Array.isArray(value)) return [];
    return value
      .map((one: unknown) =>
        typeof one === 'string' ? one : (one as { name?: unknown } | null)?.name,
      )
      .filter((name): name is string => typeof name === 'string' && name !== '');
  } catch {
    return [];
  }
}

function resolutionOf(get: (key: string) => string | null): Resolution {
  const type = get('res_type');
  const step = parseDuration((type === 'auto' ? null : get('res_step')) ?? get('step_input') ?? '');
  if (type !== 'auto' && step !== null && step > 0) return { stepMs: step };
  return { density: oneOf(get('res_density') ?? '', ['low', 'medium', 'high'], 'medium') };
}

function displayOf(get: (key: string) => string | null): Display {
  const mode = get('display_mode');
  if (mode !== null) return oneOf(mode, ['lines', 'stacked', 'heatmap'], 'lines');
  return get('stacked') === '1' ? 'stacked' : 'lines';
}

const limitOf = (text: string | null): number | null => {
  const value = text ? Number(text) : NaN;
  return Number.isFinite(value) ? value : null;
};

function yAxisOf(get: (key: string) => string | null): Pick<PanelState, 'yAxis' | 'yMin' | 'yMax'> {
  const axis = get('y_axis');
  const yMin = limitOf(get('y_axis_min'));
  const yMax = limitOf(get('y_axis_max'));
  if (axis === 'log') return { yAxis: 'log', yMin: null, yMax: null };
  // Prometheus has a least value only, and 0 there is our "from zero".
  if (axis !== 'fixed' && yMin === 0 && yMax === null)
    return { yAxis: 'zero', yMin: null, yMax: null };
  const fixed = axis === 'fixed' || yMin !== null || yMax !== null;
  return fixed ? { yAxis: 'fixed', yMin, yMax } : { yAxis: 'auto', yMin: null, yMax: null };
}

function panelOf(get: (key: string) => string | null, defaults: PanelDefaults): PanelState {
  const fresh = newPanel(defaults);
  // Both products open a link without a tab as a table.
  const tabs: Record<string, Tab> = { '0': 'graph', graph: 'graph', explain: 'explain' };
  const on = (key: string, fallback: boolean): boolean => {
    const value = get(key);
    return value === null ? fallback : value === '1' || value === 'true';
  };
  const range = parseDuration(get('range_input') ?? '');
  const end = parseTime(get('end_input') ?? get('moment_input') ?? '', 'UTC', Date.now());
  return {
    ...fresh,
    expr: get('expr') ?? '',
    tab: tabs[get('tab') ?? '1'] ?? 'table',
    display: displayOf(get),
    draw: oneOf(get('draw') ?? '', ['line', 'step', 'points'], 'line'),
    ...yAxisOf(get),
    rangeMs: range !== null && range > 0 ? range : fresh.rangeMs,
    endMs: end,
    resolution: resolutionOf(get),
    maxSourceResolution: get('max_source_resolution') ?? fresh.maxSourceResolution,
    dedup: on('deduplicate', true),
    partial: on('partial_response', fresh.partial),
    stores: storesOf(get('store_matches') ?? '[]'),
    engine: get('engine') || fresh.engine,
    tenant: get('tenant') ?? fresh.tenant,
    exemplars: on('show_exemplars', false),
    explain: on('show_tree', false) ? 'tree' : on('analyze', false) ? 'analyze' : 'plan',
  };
}

/** More are not shown, nor can be added. */
export const PANELS_MAX = 20;

/** The panels of an address; none where it names no expression. */
export function decodePanels(params: URLSearchParams, defaults: PanelDefaults): PanelState[] {
  const panels: PanelState[] = [];
  for (let n = 0; n < PANELS_MAX && params.has(`g${n}.expr`); ++n) {
    panels.push(panelOf((key) => params.get(`g${n}.${key}`), defaults));
  }
  return panels;
}

/** The address of one expression in the query page, for links from other pages. */
export function queryHref(expr: string, tab: 'graph' | 'table' = 'graph'): string {
  const params = new URLSearchParams({
    'g0.expr': expr,
    'g0.tab': tab === 'graph' ? '0' : '1',
    'g0.range_input': '1h',
  });
  return `graph?${params}`;
}
