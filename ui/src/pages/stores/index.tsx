// The endpoints of a querier: which are up, what they announce, which times they cover.
import { useMemo } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import type { PageProps } from '../../app/routes';
import { setParams } from '../../app/router';
import { Ago, Badge, Chips, LabelSet, Segments, Time } from '../../components/controls';
import { ListPage, NoneLikeThis } from '../../components/list_page';
import { SortHead } from '../../components/sorting';
import { Empty } from '../../components/states';
import { plural } from '../../lib/format';
import { matcherOf, timeOf } from '../../lib/match';
import type { Span } from '../../lib/coverage';
import { Coverage, CoverageAxis, CoverageSummary } from './coverage';
import { sorted } from '../../lib/sorted';
import './stores.css';

interface RawStore {
  name: string;
  lastCheck: string;
  lastError: string | null;
  labelSets: Record<string, string>[] | null;
  minTime: number;
  maxTime: number;
}

export interface Store {
  name: string;
  type: string;
  up: boolean;
  error: string;
  checkedMs: number;
  labelSets: Record<string, string>[];
  /** Infinite where there is no limit. */
  covers: Span;
}

type Answer = Record<string, RawStore[] | null>;

// What Go's zero time and the ends of int64 stand for.
const LEAST = -62135596800000;
const GREATEST = 8.64e15;

function storesOf(answer: Answer): Store[] {
  return Object.entries(answer).flatMap(([type, list]) =>
    (list ?? []).map((raw) => ({
      name: raw.name,
      type,
      up: !raw.lastError,
      error: raw.lastError ?? '',
      checkedMs: timeOf(raw.lastCheck),
      labelSets: raw.labelSets ?? [],
      covers: {
        from: raw.minTime <= LEAST ? -Infinity : raw.minTime,
        to: raw.maxTime >= GREATEST ? Infinity : raw.maxTime,
      },
    })),
  );
}

const RANGES = [
  { value: 'all', text: 'All', ms: 0 },
  { value: '90d', text: '90d', ms: 90 * 86_400_000 },
  { value: '14d', text: '14d', ms: 14 * 86_400_000 },
  { value: '2d', text: '2d', ms: 2 * 86_400_000 },
  { value: '6h', text: '6h', ms: 6 * 3_600_000 },
];

// What the strips show: the chosen length up to now, or everything that anyone announces.
function windowOf(stores: readonly Store[], range: string, now: number): Span {
  const chosen = RANGES.find(({ value }) => value === range)?.ms ?? 0;
  if (chosen > 0) return { from: now - chosen, to: now };
  const starts = stores
    .map(({ covers }) => covers.from)
    .filter((ms) => Number.isFinite(ms) && ms < now);
  const from = starts.length > 0 ? Math.min(...starts) : now - 86_400_000;
  return { from: Math.min(from, now - 3_600_000), to: now };
}

export default function StoresPage({ params }: PageProps) {
  const call = useCall<Answer>('api/v1/stores', { everyMs: 10_000 });
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Endpoints"
      text={text}
      filter="Filter by address or label"
      call={call}
      isEmpty={(answer) => storesOf(answer).length === 0}
      empty={
        <Empty title="This querier has no endpoints">
          <p>
            They are added with <code>--endpoint=host:port</code>, <code>--endpoint-group</code> or{' '}
            <code>--endpoint.sd-config-file</code>.
          </p>
        </Empty>
      }
    >
      {(answer) => <Endpoints answer={answer} params={params} />}
    </ListPage>
  );
}

function Endpoints({ answer, params }: { answer: Answer; params: URLSearchParams }) {
  const all = useMemo(() => storesOf(answer), [answer]);
  const now = Date.now();
  const range = params.get('range') ?? 'all';
  const text = params.get('text') ?? '';
  const chosen = new Set((params.get('type') ?? '').split(',').filter(Boolean));
  const onlyDown = params.get('down') === '1';
  const types = [...new Set(all.map(({ type }) => type))].sort();
  const matches = matcherOf(text);
  const shown = all.filter(
    (store) =>
      (chosen.size === 0 || chosen.has(store.type)) &&
      (!onlyDown || !store.up) &&
      matches([store.name, store.error], store.labelSets),
  );
  const down = all.filter(({ up }) => !up).length;
  const span = windowOf(shown, range, now);
  return (
    <>
      <div class="toolbar">
        <Chips
          label="State"
          chosen={new Set(onlyDown ? ['down'] : [])}
          onChange={(next) => setParams({ down: next.has('down') ? '1' : null })}
          options={[
            { value: 'down', text: 'Down only', count: down, tone: down > 0 ? 'bad' : 'plain' },
          ]}
        />
        <Chips
          label="Type"
          chosen={chosen}
          onChange={(next) => setParams({ type: [...next].join(',') })}
          options={types.map((type) => ({
            value: type,
            text: type,
            count: all.filter((one) => one.type === type).length,
          }))}
        />
        <span class="push">
          <Segments
            label="Time shown"
            value={range}
            onChange={(next) => setParams({ range: next === 'all' ? null : next })}
            options={RANGES}
          />
        </span>
      </div>
      {shown.length === 0 ? (
        <NoneLikeThis all={plural(all.length, 'endpoint')} filters={['text', 'type', 'down']} />
      ) : (
        <>
          <CoverageSummary stores={shown} span={span} />
          {types
            .filter((type) => shown.some((one) => one.type === type))
            .map((type) => (
              <Group
                key={type}
                type={type}
                stores={shown.filter((one) => one.type === type)}
                span={span}
                sort={params.get('sort') ?? 'name'}
              />
            ))}
        </>
      )}
    </>
  );
}

function Group({
  type,
  stores,
  span,
  sort,
}: {
  type: string;
  stores: Store[];
  span: Span;
  sort: string;
}) {
  const down = stores.filter(({ up }) => !up).length;
  const rows = sorted(stores, sort, {
    name: ({ name }) => name,
    health: ({ up }) => (up ? 1 : 0),
    from: ({ covers }) => covers.from,
    to: ({ covers }) => covers.to,
  });
  return (
    <section aria-label={type}>
      <div class="group-head">
        <h2>{type}</h2>
        <Badge tone={down > 0 ? 'bad' : 'good'}>
          {down > 0 ? `${down} of ${stores.length} down` : `${stores.length} up`}
        </Badge>
      </div>
      <div class="table-box" tabIndex={0} role="region" aria-label={`Endpoints of type ${type}`}>
        <table class="endpoints">
          <thead>
            <tr>
              <SortHead name="name" text="Endpoint" sort={sort} />
              <SortHead name="health" text="State" sort={sort} />
              <th scope="col">Announces</th>
              <SortHead name="from" text="From" sort={sort} first="down" />
              <SortHead name="to" text="To" sort={sort} first="down" />
              <th scope="col" class="coverage-cell">
                <CoverageAxis span={span} />
              </th>
              <th scope="col">Checked</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((store) => (
              <Row key={store.name} store={store} span={span} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Row({ store, span }: { store: Store; span: Span }) {
  const pick = (name: string, value: string): void => setParams({ text: `${name}=${value}` });
  return (
    <tr>
      <td class="mono wrap">
        {store.name}
        {store.error && <div class="error-text">{store.error}</div>}
      </td>
      <td>
        <Badge tone={store.up ? 'good' : 'bad'}>{store.up ? 'up' : 'down'}</Badge>
      </td>
      <td>
        {store.labelSets.length === 0 ? (
          <span class="muted">no labels</span>
        ) : (
          <LabelSets sets={store.labelSets} onPick={pick} />
        )}
      </td>
      <td>
        <Time ms={store.covers.from} />
      </td>
      <td>
        <Time ms={store.covers.to} />
      </td>
      <td class="coverage-cell">
        <Coverage spans={[store.covers]} span={span} up={store.up} />
      </td>
      <td>
        <Ago ms={store.checkedMs} />
      </td>
    </tr>
  );
}

const SETS_SHOWN = 3;

function LabelSets({
  sets,
  onPick,
}: {
  sets: Record<string, string>[];
  onPick: (name: string, value: string) => void;
}) {
  const list = (some: Record<string, string>[]) =>
    some.map((labels) => (
      <div key={JSON.stringify(labels)} class="label-set">
        <LabelSet labels={labels} limit={8} onPick={onPick} />
      </div>
    ));
  if (sets.length <= SETS_SHOWN) return <>{list(sets)}</>;
  return (
    <>
      {list(sets.slice(0, SETS_SHOWN - 1))}
      <details>
        <summary>{plural(sets.length - SETS_SHOWN + 1, 'more set')}</summary>
        {list(sets.slice(SETS_SHOWN - 1))}
      </details>
    </>
  );
}
