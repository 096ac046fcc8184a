// The queries that run now, with a way to end them, and those that ran last.
import { useState } from 'preact/hooks';
import { ApiError, call } from '../../api/client';
import { useCall } from '../../api/use_call';
import { announce } from '../../app/live';
import { hrefOf, setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Ago, Badge, Segments } from '../../components/controls';
import { ListPage } from '../../components/list_page';
import { Icon } from '../../components/icon';
import { SortHead } from '../../components/sorting';
import { Empty, ErrorBox } from '../../components/states';
import { formatBytes, formatCount, formatTook, plural } from '../../lib/format';
import { matcherOf, timeOf } from '../../lib/match';
import { formatDuration } from '../../lib/time';
import { sorted } from '../../lib/sorted';
import './queries.css';

interface Query {
  id: string;
  query: string;
  tenant: string;
  /** Seconds, of what is asked for; step 0 is an instant query. */
  start: number;
  end: number;
  step: number;
  began: string;
  seconds: number;
  samples: number;
  peakBytes: number;
  error: string;
}

interface Answer {
  active: Query[];
  finished: Query[];
}

export default function QueriesPage({ params, config }: PageProps) {
  const paused = params.get('live') === '0';
  const answer = useCall<Answer>('api/v1/queries', { everyMs: paused ? 0 : 2000 });
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Queries"
      text={text}
      filter="Filter by expression, tenant or error"
      tools={
        <Segments
          label="Refresh"
          value={paused ? 'off' : 'live'}
          onChange={(next) => setParams({ live: next === 'off' ? '0' : null })}
          options={[
            { value: 'live', text: 'Live' },
            { value: 'off', text: 'Paused' },
          ]}
        />
      }
      call={answer}
    >
      {(data) => (
        <>
          <Running
            queries={filtered(data.active, text)}
            all={data.active.length}
            tenants={config.tenant.enabled}
            onChange={answer.reload}
          />
          <Finished
            queries={filtered(data.finished, text)}
            all={data.finished.length}
            tenants={config.tenant.enabled}
            sort={params.get('sort') ?? ''}
          />
        </>
      )}
    </ListPage>
  );
}

function filtered(queries: readonly Query[], text: string): Query[] {
  const matches = matcherOf(text);
  return queries.filter((one) => matches([one.query, one.tenant, one.error]));
}

function linkOf(one: Query): string {
  const utc = (seconds: number): string =>
    new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const range = one.step > 0;
  return hrefOf('graph', {
    'g0.expr': one.query,
    'g0.tab': range ? '0' : '1',
    ...(range
      ? {
          'g0.range_input': formatDuration((one.end - one.start) * 1000),
          'g0.end_input': utc(one.end),
        }
      : { 'g0.moment_input': utc(one.end) }),
  });
}

function kindOf(one: Query): string {
  if (one.step <= 0) return 'instant';
  return `${formatDuration((one.end - one.start) * 1000)} by ${formatDuration(one.step * 1000)}`;
}

function Running({
  queries,
  all,
  tenants,
  onChange,
}: {
  queries: Query[];
  all: number;
  tenants: boolean;
  onChange: () => void;
}) {
  return (
    <section aria-label="Running queries">
      <div class="group-head">
        <h2>Running</h2>
        <Badge tone={all > 0 ? 'info' : 'plain'}>{all}</Badge>
      </div>
      {queries.length === 0 ? (
        <p class="panel muted">
          {all > 0 ? 'None of those that run is like this.' : 'No query is running.'}
        </p>
      ) : (
        <div class="lines">
          {queries.map((one) => (
            <div key={one.id} class="line query-line">
              <div>
                <a class="expr" href={linkOf(one)}>
                  {one.query}
                </a>
                <div class="muted">
                  {kindOf(one)} · {formatBytes(one.peakBytes)} at most
                  {tenants && one.tenant ? ` · tenant ${one.tenant}` : ''}
                </div>
              </div>
              <div class="elapsed">{formatTook(one.seconds * 1000)}</div>
              <Cancel query={one} onChange={onChange} />
            </div>
          ))}
        </div>
      )}
    </section>
  );
}

function Cancel({ query, onChange }: { query: Query; onChange: () => void }) {
  const [state, setState] = useState<'idle' | 'asked' | 'done'>('idle');
  const [error, setError] = useState<ApiError | null>(null);
  const cancel = (): void => {
    setState('asked');
    setError(null);
    call(`api/v1/queries/${encodeURIComponent(query.id)}/cancel`, { method: 'POST' }).then(
      () => {
        setState('done');
        announce('Query cancelled');
        onChange();
      },
      (why: unknown) => {
        setState('idle');
        setError(why instanceof ApiError ? why : new ApiError('format', String(why)));
      },
    );
  };
  return (
    <div>
      <button
        type="button"
        class="danger small"
        disabled={state !== 'idle'}
        onClick={cancel}
        aria-label={`Cancel query ${query.id}`}
      >
        <Icon name="stop" size={12} /> {state === 'done' ? 'Cancelled' : 'Cancel'}
      </button>
      {error && <ErrorBox error={error} title="It was not cancelled" />}
    </div>
  );
}

const SHOWN = 200;

function Finished({
  queries,
  all,
  tenants,
  sort,
}: {
  queries: Query[];
  all: number;
  tenants: boolean;
  sort: string;
}) {
  const [everything, setEverything] = useState(false);
  const rows = sorted(queries, sort, {
    began: (one) => timeOf(one.began),
    seconds: (one) => one.seconds,
    samples: (one) => one.samples,
    bytes: (one) => one.peakBytes,
  });
  const shown = everything ? rows : rows.slice(0, SHOWN);
  return (
    <section aria-label="Finished queries">
      <div class="group-head">
        <h2>Finished</h2>
        <span class="muted">{plural(all, 'query', 'queries')}, the last 1,000 at most</span>
      </div>
      {rows.length === 0 ? (
        <Empty title={all > 0 ? 'None of those that ran is like this' : 'No query has run yet'} />
      ) : (
        <div class="table-box" tabIndex={0} role="region" aria-label="Finished queries">
          <table class="finished">
            <thead>
              <tr>
                <th scope="col">Expression</th>
                <th scope="col">Kind</th>
                {tenants && <th scope="col">Tenant</th>}
                <SortHead name="began" text="Began" sort={sort} first="down" />
                <SortHead name="seconds" text="Took" sort={sort} first="down" class="number" />
                <SortHead name="samples" text="Samples" sort={sort} first="down" class="number" />
                <SortHead name="bytes" text="Peak memory" sort={sort} first="down" class="number" />
              </tr>
            </thead>
            <tbody>
              {shown.map((one) => (
                <tr key={one.id}>
                  <td>
                    <a class="expr" href={linkOf(one)}>
                      {one.query}
                    </a>
                    {one.error && <div class="error-text">{one.error}</div>}
                  </td>
                  <td class="nowrap">{kindOf(one)}</td>
                  {tenants && <td>{one.tenant}</td>}
                  <td>
                    <Ago ms={timeOf(one.began)} />
                  </td>
                  <td class="number">{formatTook(one.seconds * 1000)}</td>
                  <td class="number">{formatCount(one.samples)}</td>
                  <td class="number">{formatBytes(one.peakBytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > shown.length && (
        <button type="button" onClick={() => setEverything(true)}>
          Show all {formatCount(rows.length)}
        </button>
      )}
    </section>
  );
}
