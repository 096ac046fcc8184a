import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodePanels,
  encodePanels,
  newPanel,
  type PanelState,
  queryHref,
} from '../src/pages/query/url_state';

const defaults = { partial: true, engine: 'prometheus', tenant: '' };
const decode = (text: string): PanelState[] => decodePanels(new URLSearchParams(text), defaults);
const one = (text: string): PanelState => decode(text)[0]!;

test('a link of Thanos is read', () => {
  const panel = one(
    'g0.expr=sum(rate(x%5B5m%5D))%20%2B%201&g0.tab=0&g0.stacked=1&g0.range_input=6h&g0.max_source_resolution=5m' +
      '&g0.deduplicate=0&g0.partial_response=0&g0.store_matches=%5B%7B%22name%22%3A%22a%3A1%22%7D%5D&g0.engine=thanos' +
      '&g0.analyze=1&g0.tenant=team-a&g0.end_input=2026-01-02%2003%3A04%3A05&g0.moment_input=2026-01-02%2003%3A04%3A05&g0.step_input=30',
  );
  assert.deepEqual(panel, {
    expr: 'sum(rate(x[5m])) + 1',
    tab: 'graph',
    display: 'stacked',
    draw: 'line',
    yAxis: 'auto',
    yMin: null,
    yMax: null,
    rangeMs: 6 * 3_600_000,
    endMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    resolution: { stepMs: 30_000 },
    maxSourceResolution: '5m',
    dedup: false,
    partial: false,
    stores: ['a:1'],
    engine: 'thanos',
    tenant: 'team-a',
    exemplars: false,
    explain: 'analyze',
  });
});

test('a link of Prometheus 3 is read', () => {
  const panel = one(
    'g0.expr=up&g0.show_tree=0&g0.tab=graph&g0.range_input=1h30m&g0.res_type=auto&g0.res_density=high' +
      '&g0.display_mode=heatmap&g0.show_exemplars=1&g0.y_axis_min=0&g0.end_input=2026-01-02+03%3A04%3A05',
  );
  assert.equal(panel.tab, 'graph');
  assert.equal(panel.display, 'heatmap');
  assert.deepEqual(panel.resolution, { density: 'high' });
  assert.equal(panel.rangeMs, 5_400_000);
  assert.equal(panel.exemplars, true);
  assert.equal(panel.yAxis, 'zero');
  assert.equal(panel.endMs, Date.UTC(2026, 0, 2, 3, 4, 5));
  assert.equal(one('g0.expr=up&g0.y_axis_min=5').yMin, 5);
  assert.deepEqual(one('g0.expr=up&g0.res_type=custom&g0.res_step=15').resolution, {
    stepMs: 15_000,
  });
  assert.equal(one('g0.expr=up&g0.tab=explain').tab, 'explain');
});

test('without a tab a link is a table, as in both products', () => {
  assert.equal(one('g0.expr=up').tab, 'table');
  assert.equal(one('g0.expr=up&g0.tab=1').tab, 'table');
});

test('the first missing expression ends the panels', () => {
  assert.equal(decode('g0.expr=a&g1.expr=b&g3.expr=d').length, 2);
  assert.equal(decode('x=1').length, 0);
  assert.equal(decode('g0.expr=&g1.expr=b').length, 2);
  assert.equal(decode(Array.from({ length: 30 }, (_, i) => `g${i}.expr=a`).join('&')).length, 20);
});

test('what cannot be read falls back', () => {
  const panel = one(
    'g0.expr=up&g0.range_input=long&g0.end_input=never&g0.step_input=-3&g0.store_matches=%7B&g0.display_mode=pie&g0.draw=x&g0.res_density=z&g0.tab=9',
  );
  assert.deepEqual({ ...panel, tab: 'graph' }, { ...newPanel(defaults), expr: 'up' });
  assert.equal(panel.tab, 'table');
  assert.deepEqual(one('g0.expr=a&g0.store_matches=%5Bnull%2C1%2C%22b%3A2%22%5D').stores, ['b:2']);
});

test('what is written is read back, whatever it holds', () => {
  const base = newPanel(defaults);
  const panels: PanelState[] = [
    { ...base, expr: 'a{b="&=#+% \n\u2028é<script>"}', tab: 'table', stores: ['x:1', 'y"z:2'] },
    {
      ...base,
      expr: 'b',
      tab: 'explain',
      explain: 'analyze',
      rangeMs: 5400_000,
      endMs: 1_700_000_000_123,
    },
    { ...base, expr: 'b', tab: 'explain', explain: 'tree' },
    {
      ...base,
      expr: 'c',
      display: 'heatmap',
      draw: 'step',
      yAxis: 'log',
      resolution: { stepMs: 1500 },
    },
    {
      ...base,
      expr: 'd',
      display: 'stacked',
      yAxis: 'zero',
      resolution: { density: 'low' },
      exemplars: true,
    },
    {
      ...base,
      expr: 'e',
      dedup: false,
      partial: false,
      engine: 'thanos',
      tenant: 't',
      maxSourceResolution: '1h',
      draw: 'points',
      rangeMs: 1234,
    },
    { ...base, expr: 'f', yAxis: 'fixed', yMin: -0.5, yMax: null },
    { ...base, expr: 'g', yAxis: 'fixed', yMin: 0, yMax: 1e9 },
  ];
  assert.deepEqual(decode(encodePanels(panels)), panels);
});

test('what is written, Thanos reads: the expression first, one unit, whole keys', () => {
  const text = encodePanels([
    { ...newPanel(defaults), expr: 'up', rangeMs: 5_400_000, endMs: Date.UTC(2026, 0, 2) },
  ]);
  assert.ok(text.startsWith('g0.expr=up&g0.tab=0&g0.range_input=90m&'), text);
  assert.ok(text.includes('&g0.stacked=0&g0.deduplicate=1&g0.partial_response=1&'), text);
  assert.ok(
    text.includes('g0.end_input=2026-01-02+00%3A00%3A00&g0.moment_input=2026-01-02+00%3A00%3A00'),
  );
});

test('links from other pages', () => {
  assert.equal(one(queryHref('a / b').split('?')[1]!).expr, 'a / b');
  assert.equal(one(queryHref('a', 'table').split('?')[1]!).tab, 'table');
});
