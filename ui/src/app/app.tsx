// Chooses the page of the address and loads it.
import { Component, type ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { defaultConfig, loadConfig, type UiConfig } from '../api/config';
import { Empty, ErrorBox, Loading } from '../components/states';
import { createStore, useStore } from '../lib/store';
import { listenToKeys } from './keyboard';
import { LiveRegion } from './live';
import { loaderOf, navigationOf, type PageModule, routes } from './routes';
import { followLinks, usePlace } from './router';
import { Header } from './shell';

type ConfigState = { config: UiConfig | null; error: ApiError | null };
export const configState = createStore<ConfigState>({ config: null, error: null });

const RETRY_MAX_MS = 10_000;

// A server that is starting answers 503 for a while: asked again after 1 s, 2 s, … 10 s.
async function keepLoadingConfig(): Promise<void> {
  for (let wait = 1000; ; wait = Math.min(wait * 2, RETRY_MAX_MS)) {
    try {
      configState.set({ config: await loadConfig(), error: null });
      return;
    } catch (error) {
      const shown = error instanceof ApiError ? error : new ApiError('format', String(error));
      // A server without this endpoint still has the API of a querier.
      if (shown.status === 404) {
        configState.set({ config: defaultConfig, error: null });
        return;
      }
      configState.set({ config: null, error: shown });
      if (!['network', 'timeout', 'unavailable', 'busy'].includes(shown.kind)) return;
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

export function start(): void {
  void keepLoadingConfig();
  followLinks((path) => path === '' || routes.some((route) => route.path === path));
  listenToKeys(() => navigationOf(configState.get().config?.component ?? 'query'));
}

// A page that throws takes neither the navigation nor the other pages with it.
class Guard extends Component<{ children: ComponentChildren; path: string }, { error: unknown }> {
  override state: { error: unknown } = { error: null };
  static override getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override componentDidUpdate(before: { path: string }) {
    if (before.path !== this.props.path && this.state.error) this.setState({ error: null });
  }
  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    const text = error instanceof Error ? `${error.message}\n${error.stack ?? ''}` : String(error);
    return (
      <ErrorBox
        title="This page failed"
        error={new ApiError('format', text)}
        onRetry={() => this.setState({ error: null })}
      />
    );
  }
}

const loaded = new Map<string, PageModule>();

function PageLoader({ page, config }: { page: string; config: UiConfig }) {
  const { path, params } = usePlace();
  const [, redraw] = useState(0);
  const [error, setError] = useState<ApiError | null>(null);
  const [startedAt, setStartedAt] = useState(performance.now());
  const [round, setRound] = useState(0);
  useEffect(() => {
    setError(null);
    if (loaded.has(page)) return;
    let current = true;
    setStartedAt(performance.now());
    loaderOf(page)?.().then(
      (module) => {
        loaded.set(page, module);
        if (current) redraw((n) => n + 1);
      },
      (why: unknown) => {
        if (current)
          setError(new ApiError('network', `This page could not be loaded: ${String(why)}`));
      },
    );
    return () => {
      current = false;
    };
  }, [page, round]);
  const Shown = loaded.get(page)?.default;
  if (Shown) return <Shown config={config} path={path} params={params} />;
  if (error) return <ErrorBox error={error} onRetry={() => setRound((n) => n + 1)} />;
  return <Loading startedAt={startedAt} />;
}

function NotFound({ path, config }: { path: string; config: UiConfig }) {
  return (
    <Empty title={`There is no page "${path}" here`}>
      <p>
        This role has:{' '}
        {navigationOf(config.component).map((entry, i) => (
          <span key={entry.path}>
            {i > 0 && ', '}
            <a href={entry.path}>{entry.title}</a>
          </span>
        ))}
      </p>
    </Empty>
  );
}

function Content({ config }: { config: UiConfig }) {
  const { path } = usePlace();
  const wanted = path || navigationOf(config.component)[0]?.path || '';
  const route = routes.find((one) => one.path === wanted);
  const known = route !== undefined && loaderOf(route.page) !== null;
  useEffect(() => {
    document.title = `${known ? route.title : 'Not found'} · Thanos ${config.component}`;
  }, [wanted, known]);
  if (!known) return <NotFound path={path} config={config} />;
  return (
    <Guard path={wanted}>
      <PageLoader key={route.page} page={route.page} config={config} />
    </Guard>
  );
}

export function App() {
  const { config, error } = useStore(configState);
  const [startedAt] = useState(performance.now());
  return (
    <>
      <Header config={config ?? defaultConfig} />
      <main id="main" tabIndex={-1}>
        {config && <Content config={config} />}
        {!config && error && <ErrorBox error={error} onRetry={() => void keepLoadingConfig()} />}
        {!config && !error && <Loading startedAt={startedAt} />}
      </main>
      <LiveRegion />
    </>
  );
}
