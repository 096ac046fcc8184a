// What runs here: build, process, memory budgets.
import { useEffect, useState } from 'preact/hooks';
import { addressOf } from '../../api/client';
import { useCall } from '../../api/use_call';
import type { PageProps } from '../../app/routes';
import { Ago, Page, Time } from '../../components/controls';
import { DataRegion, Empty } from '../../components/states';
import { Facts } from '../../components/text';
import { formatBytes, formatCount } from '../../lib/format';
import { timeOf } from '../../lib/match';
import { formatAge } from '../../lib/time';
import { type Sample, parseSamples } from './exposition';
import '../../components/lists.css';

type Texts = Record<string, unknown>;

const BUILD: readonly [string, string][] = [
  ['version', 'Version'],
  ['revision', 'Revision'],
  ['branch', 'Branch'],
  ['buildUser', 'Built by'],
  ['buildDate', 'Built at'],
  ['goVersion', 'Go version'],
];

export default function StatusPage({ config }: PageProps) {
  const build = useCall<Texts>('api/v1/status/buildinfo');
  const runtime = useCall<Texts>('api/v1/status/runtimeinfo');
  const clockSkew = config.serverTimeMs > 0 ? config.serverTimeMs - pageOpenedAt : 0;
  return (
    <Page title="Status">
      <div class="cards">
        <section class="panel" aria-label="Build">
          <h2>Build</h2>
          <DataRegion call={build} rows={3}>
            {(data) => (
              <Facts
                facts={[
                  ['Role', config.component],
                  ...BUILD.filter(([key]) => data[key]).map(
                    ([key, name]) => [name, String(data[key])] as const,
                  ),
                ]}
              />
            )}
          </DataRegion>
        </section>
        <section class="panel" aria-label="Runtime">
          <h2>Runtime</h2>
          <DataRegion call={runtime} rows={3}>
            {(data) => (
              <Facts
                facts={[
                  ['Started', <Time ms={timeOf(String(data['startTime']))} />],
                  ['Up for', formatAge(Date.now() - timeOf(String(data['startTime'])))],
                  ['Working folder', <span class="mono">{String(data['CWD'] ?? '')}</span>],
                  ['Processors', String(data['GOMAXPROCS'] ?? '')],
                  [
                    'Clock',
                    Math.abs(clockSkew) > 30_000
                      ? `differs from this browser by ${formatAge(clockSkew)}`
                      : 'agrees with this browser',
                  ],
                ]}
              />
            )}
          </DataRegion>
        </section>
        <Process />
      </div>
    </Page>
  );
}

const pageOpenedAt = Date.now();

// Read from /metrics, which is at the root of the server: behind some proxies it cannot be seen.
function Process() {
  const [samples, setSamples] = useState<Sample[] | null>(null);
  const [missing, setMissing] = useState(false);
  const [readAt, setReadAt] = useState(0);
  useEffect(() => {
    const control = new AbortController();
    const read = async (): Promise<void> => {
      try {
        const answer = await fetch(addressOf('metrics'), {
          signal: control.signal,
          cache: 'no-store',
        });
        const text = answer.ok ? await answer.text() : '';
        const found = parseSamples(text);
        setMissing(found.length === 0);
        setSamples(found);
        setReadAt(Date.now());
      } catch {
        if (!control.signal.aborted) setMissing(true);
      }
    };
    void read();
    const timer = setInterval(() => document.visibilityState === 'visible' && void read(), 5000);
    return () => {
      control.abort();
      clearInterval(timer);
    };
  }, []);
  const value = (name: string): number | null =>
    samples?.find((one) => one.name === name)?.value ?? null;
  const shown = <T,>(name: string, format: (value: number) => T): T | string => {
    const found = value(name);
    return found === null ? '–' : format(found);
  };
  const budgets = (samples ?? []).filter(({ name }) => name === 'thanos_memory_budget_used_bytes');
  const limitOf = (labels: Record<string, string>): number =>
    samples?.find(
      (one) =>
        one.name === 'thanos_memory_budget_limit_bytes' &&
        one.labels['budget'] === labels['budget'],
    )?.value ?? 0;
  return (
    <section class="panel" aria-label="Process">
      <h2>Process</h2>
      {missing && (
        <Empty title="The metrics of this process cannot be read here">
          <p>They are served at /metrics at the root of the server, not below its prefix.</p>
        </Empty>
      )}
      {samples && !missing && (
        <Facts
          facts={[
            ['Memory', shown('process_resident_memory_bytes', formatBytes)],
            ['Processor time', shown('process_cpu_seconds_total', (s) => formatAge(s * 1000))],
            [
              'File descriptors',
              `${shown('process_open_fds', formatCount)} of ${shown('process_max_fds', formatCount)}`,
            ],
            ...budgets.map(
              ({ labels, value: used }) =>
                [
                  `Budget: ${labels['budget'] ?? 'all'}`,
                  `${formatBytes(used)}${limitOf(labels) > 0 ? ` of ${formatBytes(limitOf(labels))}` : ', no limit'}`,
                ] as const,
            ),
            ['Read', <Ago ms={readAt} />],
          ]}
        />
      )}
    </section>
  );
}
