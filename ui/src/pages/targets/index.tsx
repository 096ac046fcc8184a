// What the Prometheus servers behind the endpoints scrape, and what discovery found.
import { useMemo, useState } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import { setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Ago, Badge, Chips, Dialog, LabelSet, Segments } from '../../components/controls';
import { FilteredLines, ListPage } from '../../components/list_page';
import { Empty } from '../../components/states';
import { Facts, LinkedText } from '../../components/text';
import { VirtualList } from '../../components/virtual_list';
import { formatTook, plural } from '../../lib/format';
import { type Labels, matcherOf, timeOf } from '../../lib/match';
import './targets.css';

interface Target {
  discoveredLabels: Labels;
  labels: Labels;
  scrapePool: string;
  scrapeUrl: string;
  globalUrl: string;
  lastError: string;
  lastScrape: string;
  /** Seconds. */
  lastScrapeDuration: number;
  health: 'up' | 'down' | 'unknown';
}

interface Answer {
  activeTargets: Target[] | null;
  droppedTargets: { discoveredLabels: Labels }[] | null;
}

export default function TargetsPage({ path, params }: PageProps) {
  const view = params.get('view') ?? (path === 'service-discovery' ? 'discovery' : 'active');
  const call = useCall<Answer>('api/v1/targets', { everyMs: 15_000 });
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Targets"
      text={text}
      filter="Filter by address, label or error"
      tools={
        <Segments
          label="View"
          value={view}
          onChange={(next) => setParams({ view: next })}
          options={[
            { value: 'active', text: 'Active' },
            { value: 'discovery', text: 'Discovery' },
            { value: 'dropped', text: 'Dropped' },
          ]}
        />
      }
      call={call}
      isEmpty={({ activeTargets, droppedTargets }) =>
        (activeTargets ?? []).length + (droppedTargets ?? []).length === 0
      }
      empty={
        <Empty title="No endpoint tells of targets">
          <p>Sidecars tell of those of their Prometheus once they are endpoints of this querier.</p>
        </Empty>
      }
    >
      {(answer) =>
        view === 'dropped' ? (
          <Dropped answer={answer} text={text} />
        ) : (
          <Active answer={answer} params={params} text={text} discovery={view === 'discovery'} />
        )
      }
    </ListPage>
  );
}

const tone = (health: Target['health']) =>
  health === 'up' ? 'good' : health === 'down' ? 'bad' : 'plain';

type Line = { pool: string; up: number; all: number } | { target: Target; key: number };

function linesOf(targets: readonly Target[]): Line[] {
  const pools = new Map<string, Target[]>();
  for (const target of targets) {
    const list = pools.get(target.scrapePool);
    if (list) list.push(target);
    else pools.set(target.scrapePool, [target]);
  }
  let key = 0;
  return [...pools]
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([pool, list]) => [
      { pool, all: list.length, up: list.filter(({ health }) => health === 'up').length },
      // What is down comes first.
      ...[...list]
        .sort(
          (a, b) =>
            Number(a.health === 'up') - Number(b.health === 'up') ||
            a.scrapeUrl.localeCompare(b.scrapeUrl),
        )
        .map((target) => ({ target, key: ++key })),
    ]);
}

function Active({
  answer,
  params,
  text,
  discovery,
}: {
  answer: Answer;
  params: URLSearchParams;
  text: string;
  discovery: boolean;
}) {
  const all = answer.activeTargets ?? [];
  const chosen = new Set((params.get('health') ?? '').split(',').filter(Boolean));
  const [opened, setOpened] = useState<Target | null>(null);
  const lines = useMemo(() => {
    const matches = matcherOf(text);
    return linesOf(
      all.filter(
        (one) =>
          (chosen.size === 0 || chosen.has(one.health)) &&
          matches(
            [one.scrapeUrl, one.scrapePool, one.lastError],
            [one.labels, ...(discovery ? [one.discoveredLabels] : [])],
          ),
      ),
    );
  }, [answer, text, params.get('health'), discovery]);
  const count = (health: string): number => all.filter((one) => one.health === health).length;
  return (
    <>
      <div class="toolbar">
        <Chips
          label="Health"
          chosen={chosen}
          onChange={(next) => setParams({ health: [...next].join(',') })}
          options={(['up', 'down', 'unknown'] as const).map((health) => ({
            value: health as string,
            text: health[0]!.toUpperCase() + health.slice(1),
            count: count(health),
            tone: count(health) > 0 ? tone(health) : 'plain',
          }))}
        />
        <span class="push muted">
          {plural(lines.filter((line) => 'target' in line).length, 'target')}
        </span>
      </div>
      <FilteredLines
        items={lines}
        all={plural(all.length, 'target')}
        filters={['text', 'health']}
        render={(line) =>
          'target' in line ? (
            <TargetLine
              key={line.key}
              target={line.target}
              discovery={discovery}
              onOpen={() => setOpened(line.target)}
            />
          ) : (
            <div key={`pool ${line.pool}`} class="line pool-line">
              <h2>{line.pool || 'no pool'}</h2>
              <Badge tone={line.up === line.all ? 'good' : 'bad'}>
                {line.up} of {line.all} up
              </Badge>
            </div>
          )
        }
      />
      {opened && <Details target={opened} onClose={() => setOpened(null)} />}
    </>
  );
}

function TargetLine({
  target,
  discovery,
  onOpen,
}: {
  target: Target;
  discovery: boolean;
  onOpen: () => void;
}) {
  return (
    <button
      type="button"
      class={`line target-line ${discovery ? 'discovery' : ''}`}
      onClick={onOpen}
    >
      <Badge tone={tone(target.health)}>{target.health}</Badge>
      <span class="wrap">
        <span class="mono">{target.scrapeUrl}</span>
        {target.lastError && <span class="error-text block">{target.lastError}</span>}
      </span>
      {discovery && <LabelSet labels={target.discoveredLabels} />}
      <LabelSet labels={target.labels} />
      {!discovery && (
        <span class="muted nowrap number">
          <Ago ms={timeOf(target.lastScrape)} />, {formatTook(target.lastScrapeDuration * 1000)}
        </span>
      )}
    </button>
  );
}

function Details({ target, onClose }: { target: Target; onClose: () => void }) {
  const names = [
    ...new Set([...Object.keys(target.discoveredLabels), ...Object.keys(target.labels)]),
  ].sort();
  return (
    <Dialog title="Target" onClose={onClose} drawer>
      <Facts
        facts={[
          ['Health', <Badge tone={tone(target.health)}>{target.health}</Badge>],
          ['Address', <LinkedText text={target.scrapeUrl} />],
          ['From elsewhere', <LinkedText text={target.globalUrl} />],
          ['Pool', target.scrapePool],
          ['Scraped', <Ago ms={timeOf(target.lastScrape)} />],
          ['Took', formatTook(target.lastScrapeDuration * 1000)],
        ]}
      />
      {target.lastError && <pre class="notice error">{target.lastError}</pre>}
      <h3>Labels before and after relabelling</h3>
      <div class="table-box" tabIndex={0} role="region" aria-label="Labels">
        <table>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Discovered</th>
              <th scope="col">Target</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => (
              <tr key={name}>
                <td class="mono wrap">{name}</td>
                <td class="mono wrap">
                  {target.discoveredLabels[name] ?? <span class="muted">–</span>}
                </td>
                <td class="mono wrap">{target.labels[name] ?? <span class="muted">–</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Dialog>
  );
}

function Dropped({ answer, text }: { answer: Answer; text: string }) {
  const all = answer.droppedTargets ?? [];
  const matches = matcherOf(text);
  const shown = all.filter(({ discoveredLabels }) => matches([], [discoveredLabels]));
  if (shown.length === 0)
    return (
      <Empty
        title={
          all.length > 0
            ? 'None of the dropped targets is like this'
            : 'Relabelling drops no target'
        }
      />
    );
  return (
    <>
      <p class="toolbar muted">{plural(shown.length, 'target')} found and dropped by relabelling</p>
      <div class={`lines ${shown.length > 1000 ? 'many' : ''}`}>
        <VirtualList
          items={shown}
          rowHeight={40}
          render={({ discoveredLabels }, i) => (
            <div key={i} class="line">
              <LabelSet labels={discoveredLabels} />
            </div>
          )}
        />
      </div>
    </>
  );
}
