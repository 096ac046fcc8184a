// Every path the server answers with the shell, and the page that is shown there.
import type { ComponentType } from 'preact';
import type { Component, UiConfig } from '../api/config';

export interface PageProps {
  config: UiConfig;
  /** The path below <base>, as in the table: "graph", "loaded". */
  path: string;
  /** Of the address; changes with it. */
  params: URLSearchParams;
}

export interface PageModule {
  default: ComponentType<PageProps>;
}

export interface Route {
  /** Below <base>, without slashes around it. */
  path: string;
  /** Folder below src/pages. */
  page: string;
  title: string;
}

export const routes: readonly Route[] = [
  { path: 'graph', page: 'query', title: 'Query' },
  { path: 'query', page: 'query', title: 'Query' },
  { path: 'stores', page: 'stores', title: 'Endpoints' },
  { path: 'targets', page: 'targets', title: 'Targets' },
  { path: 'service-discovery', page: 'targets', title: 'Targets' },
  { path: 'rules', page: 'rules', title: 'Rules' },
  { path: 'alerts', page: 'alerts', title: 'Alerts' },
  { path: 'blocks', page: 'blocks', title: 'Blocks' },
  { path: 'global', page: 'blocks', title: 'Global blocks' },
  { path: 'loaded', page: 'blocks', title: 'Loaded blocks' },
  { path: 'status', page: 'status', title: 'Status' },
  { path: 'flags', page: 'flags', title: 'Flags' },
  { path: 'config', page: 'config', title: 'Configuration' },
  { path: 'tsdb-status', page: 'cardinality', title: 'Cardinality' },
  { path: 'cardinality', page: 'cardinality', title: 'Cardinality' },
  { path: 'queries', page: 'queries', title: 'Queries' },
  { path: 'metrics-explorer', page: 'metrics', title: 'Metrics' },
];

// A page is a folder with an index.tsx; it is loaded when it is first shown.
const modules = import.meta.glob<PageModule>('../pages/*/index.tsx');

/** null: this build has no such page. */
export function loaderOf(page: string): (() => Promise<PageModule>) | null {
  return modules[`../pages/${page}/index.tsx`] ?? null;
}

export interface NavEntry {
  path: string;
  title: string;
  /** After `g`. */
  key: string;
}

const entry = (path: string, title: string, key: string): NavEntry => ({ path, title, key });
const status = [entry('status', 'Status', 's'), entry('flags', 'Flags', 'f')];
const byComponent: Record<Component, NavEntry[]> = {
  query: [
    entry('graph', 'Query', 'q'),
    entry('stores', 'Endpoints', 'e'),
    entry('alerts', 'Alerts', 'a'),
    entry('rules', 'Rules', 'r'),
    entry('targets', 'Targets', 't'),
    entry('metrics-explorer', 'Metrics', 'm'),
    entry('cardinality', 'Cardinality', 'c'),
    entry('queries', 'Queries', 'u'),
    ...status,
  ],
  rule: [entry('alerts', 'Alerts', 'a'), entry('rules', 'Rules', 'r'), ...status],
  store: [entry('loaded', 'Blocks', 'b'), ...status],
  compact: [
    entry('global', 'Global blocks', 'b'),
    entry('loaded', 'Loaded blocks', 'l'),
    ...status,
  ],
  bucket: [entry('blocks', 'Blocks', 'b'), ...status],
  sidecar: status,
  receive: [entry('cardinality', 'Cardinality', 'c'), ...status],
};

/** What a role shows in its navigation; the first is its start page. */
export function navigationOf(component: Component): NavEntry[] {
  return (byComponent[component] ?? status).filter(
    ({ path }) => loaderOf(routes.find((route) => route.path === path)?.page ?? '') !== null,
  );
}
