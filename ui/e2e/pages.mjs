// Every page: where it is, what it calls, what shows that it is there, and canned answers.

const rule = (name, more = {}) => ({
  name,
  query: 'up == 0',
  labels: { severity: 'page' },
  health: 'ok',
  evaluationTime: 0.001,
  lastEvaluation: new Date().toISOString(),
  type: 'recording',
  ...more,
});
export const group = (rules, name = 'g') => ({
  name,
  file: 'f.yml',
  rules,
  interval: 30,
  evaluationTime: 0.01,
  lastEvaluation: new Date().toISOString(),
  limit: 0,
  partialResponseStrategy: 'ABORT',
});
export const alerting = (name, alerts, more = {}) =>
  rule(name, {
    type: 'alerting',
    state: alerts.length > 0 ? 'firing' : 'inactive',
    duration: 60,
    keepFiringFor: 0,
    annotations: {},
    alerts,
    ...more,
  });
export const alert = (labels, annotations = {}) => ({
  labels,
  annotations,
  state: 'firing',
  activeAt: new Date(Date.now() - 60_000).toISOString(),
  value: '1e+00',
});
export { rule };

export function block(i, more = {}) {
  const from = 1_700_000_000_000 + i * 7_200_000;
  const ulid = (
    '01HF' +
    i
      .toString(32)
      .toUpperCase()
      .replace(/[ILOU]/g, 'Z')
  ).padEnd(26, '0');
  return {
    ulid,
    minTime: from,
    maxTime: from + 7_200_000,
    version: 1,
    stats: { numSamples: 1000, numSeries: 10, numChunks: 10 },
    compaction: { level: 1, sources: [ulid] },
    thanos: {
      labels: { cluster: 'a' },
      downsample: { resolution: 0 },
      source: 'sidecar',
      files: [
        { rel_path: 'index', size_bytes: 100 },
        { rel_path: 'chunks/000001', size_bytes: 900 },
      ],
    },
    ...more,
  };
}

export const blocks = (list, more = {}) => ({
  label: 'cluster',
  blocks: list,
  refreshedAt: new Date().toISOString(),
  err: null,
  troubled: [],
  marks: [],
  ...more,
});

export const store = (name, more = {}) => ({
  name,
  lastCheck: new Date().toISOString(),
  lastError: null,
  labelSets: [{ cluster: 'a' }],
  minTime: Date.now() - 86_400_000,
  maxTime: Date.now(),
  ...more,
});

export const target = (i, more = {}) => ({
  discoveredLabels: { __address__: `host${i}:80` },
  labels: { instance: `host${i}:80`, job: 'j' },
  scrapePool: 'pool',
  scrapeUrl: `http://host${i}:80/metrics`,
  globalUrl: `http://host${i}:80/metrics`,
  lastError: '',
  lastScrape: new Date().toISOString(),
  lastScrapeDuration: 0.01,
  health: 'up',
  ...more,
});

const WARNING = [
  'receive series from Addr: 10.0.0.1:10901 LabelSets: {a="b"} MinTime: 0 MaxTime: 1: rpc error: code = Unavailable desc = gone',
];

/**
 * role: which server of the stack; path below it; api: the call that fills the page; shown: a text
 * that the real stack gives; empty: an answer without content, and `emptyText` what the page says.
 */
export const PAGES = [
  {
    name: 'stores',
    role: 'query',
    path: 'stores',
    api: 'api/v1/stores',
    shown: 'sidecar',
    title: 'Endpoints',
    empty: {},
    emptyText: 'This querier has no endpoints',
    warns: true,
  },
  {
    name: 'targets',
    role: 'query',
    path: 'targets',
    api: 'api/v1/targets',
    shown: 'prometheus',
    title: 'Targets',
    empty: { activeTargets: [], droppedTargets: [] },
    emptyText: 'No endpoint tells of targets',
    warns: true,
  },
  {
    name: 'rules',
    role: 'query',
    path: 'rules',
    api: 'api/v1/rules',
    shown: 'job:up:sum',
    title: 'Rules',
    empty: { groups: [] },
    emptyText: 'No endpoint has rules',
    warns: true,
  },
  {
    name: 'alerts',
    role: 'query',
    path: 'alerts',
    api: 'api/v1/rules',
    shown: 'AlwaysOn',
    title: 'Alerts',
    empty: { groups: [] },
    emptyText: 'No endpoint has alerting rules',
    warns: true,
  },
  {
    name: 'metrics',
    role: 'query',
    path: 'metrics-explorer',
    api: 'api/v1/metadata',
    shown: 'go_goroutines',
    title: 'Metrics',
    empty: {},
    emptyText: 'No endpoint tells of metrics',
    warns: true,
  },
  {
    name: 'cardinality',
    role: 'query',
    path: 'tsdb-status',
    api: 'api/v1/status/tsdb',
    shown: 'Metrics with most series',
    title: 'Cardinality',
    empty: { headStats: { numSeries: 0 }, seriesCountByMetricName: [] },
    emptyText: 'No endpoint tells what it holds',
    warns: true,
  },
  {
    name: 'queries',
    role: 'query',
    path: 'queries',
    api: 'api/v1/queries',
    shown: 'Finished',
    title: 'Queries',
    empty: { active: [], finished: [] },
    emptyText: 'No query has run yet',
  },
  {
    name: 'status',
    role: 'query',
    path: 'status',
    api: 'api/v1/status/buildinfo',
    shown: 'File descriptors',
    title: 'Status',
  },
  {
    name: 'flags',
    role: 'query',
    path: 'flags',
    api: 'api/v1/status/flags',
    shown: '--http-address',
    title: 'Flags',
    empty: {},
    emptyText: 'This process has no flags',
  },
  {
    name: 'blocks',
    role: 'bucket',
    path: 'blocks',
    api: 'api/v1/blocks',
    shown: 'overlapping',
    title: 'Blocks of the bucket',
    empty: blocks([]),
    emptyText: 'There are no blocks',
  },
  {
    name: 'loaded',
    role: 'store',
    path: 'loaded',
    api: 'api/v1/blocks',
    shown: 'overlapping',
    title: 'Loaded blocks',
    empty: blocks([]),
    emptyText: 'There are no blocks',
  },
  {
    name: 'global',
    role: 'compact',
    path: 'global',
    api: 'api/v1/blocks',
    shown: 'overlapping',
    title: 'Blocks of the bucket',
    empty: blocks([]),
    emptyText: 'There are no blocks',
  },
];

export { WARNING };
