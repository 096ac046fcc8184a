// What makes a time series database large: metrics, labels and pairs with the most of everything.
import { useCall } from '../../api/use_call';
import { hrefOf, setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Segments, Time } from '../../components/controls';
import { ListPage } from '../../components/list_page';
import { Icon } from '../../components/icon';
import { Empty } from '../../components/states';
import { csvOf, quoted, textCell } from '../../lib/csv';
import { download } from '../../lib/download';
import { formatBytes, formatCount } from '../../lib/format';
import { matcherOf, selectorOf } from '../../lib/match';
import './cardinality.css';

interface Statistic {
  name: string;
  value: number;
}

interface Answer {
  headStats?: {
    numSeries?: number;
    numLabelPairs?: number;
    chunkCount?: number;
    minTime?: number;
    maxTime?: number;
  };
  seriesCountByMetricName?: Statistic[] | null;
  labelValueCountByLabelName?: Statistic[] | null;
  memoryInBytesByLabelName?: Statistic[] | null;
  seriesCountByLabelValuePair?: Statistic[] | null;
}

const LIMITS = ['10', '20', '50', '100', '1000'] as const;

export default function CardinalityPage({ params }: PageProps) {
  const limit = LIMITS.find((one) => one === params.get('limit')) ?? '20';
  const text = params.get('text') ?? '';
  const match = params.get('match') ?? '';
  const call = useCall<Answer>('api/v1/status/tsdb', {
    params: { limit, ...(match ? { 'match[]': match } : {}) },
  });
  return (
    <ListPage
      title="Cardinality"
      text={text}
      filter="Filter these"
      tools={
        <Segments
          label="How many of each"
          value={limit}
          onChange={(next) => setParams({ limit: next === '20' ? null : next })}
          options={LIMITS.map((value) => ({ value, text: value }))}
        />
      }
      call={call}
      isEmpty={(answer) =>
        (answer.headStats?.numSeries ?? 0) === 0 &&
        (answer.seriesCountByMetricName ?? []).length === 0
      }
      empty={
        <Empty title="No endpoint tells what it holds">
          <p>
            Receivers, rulers and sidecars of Prometheus 2.14 and later do; stores of blocks do not.
          </p>
        </Empty>
      }
    >
      {(answer) => <Tables answer={answer} text={text} />}
    </ListPage>
  );
}

const query = (expression: string): string =>
  hrefOf('graph', { 'g0.expr': expression, 'g0.tab': '1' });

// "name=value", of which the value may hold anything.
function pairLink(pair: string): string {
  const at = pair.indexOf('=');
  if (at < 0) return query(pair);
  return query(
    `topk(20, count by (__name__) (${selectorOf({ [pair.slice(0, at)]: pair.slice(at + 1) })}))`,
  );
}

function Tables({ answer, text }: { answer: Answer; text: string }) {
  const head = answer.headStats ?? {};
  const total = head.numSeries ?? 0;
  return (
    <>
      <div class="tiles">
        <Tile name="series" value={formatCount(total)} />
        <Tile name="label pairs" value={formatCount(head.numLabelPairs ?? 0)} />
        <Tile name="chunks" value={formatCount(head.chunkCount ?? 0)} />
        {(head.minTime ?? 0) > 0 && (
          <div class="tile wide">
            <div class="value small">
              <Time ms={head.minTime ?? 0} /> to <Time ms={head.maxTime ?? 0} />
            </div>
            <div class="name">time held in memory</div>
          </div>
        )}
      </div>
      <div class="cards">
        <Table
          title="Metrics with most series"
          head="Metric"
          file="metrics"
          rows={answer.seriesCountByMetricName ?? []}
          total={total}
          text={text}
          link={(name) =>
            query(`topk(20, count by (job, instance) (${selectorOf({ __name__: name })}))`)
          }
        />
        <Table
          title="Labels with most values"
          head="Label"
          file="labels"
          rows={answer.labelValueCountByLabelName ?? []}
          text={text}
          link={(name) =>
            query(
              `topk(20, count by (${/^[a-zA-Z_]\w*$/.test(name) ? name : JSON.stringify(name)}) (${selectorOf({ [name]: '' }).replace('=', '!=')}))`,
            )
          }
        />
        <Table
          title="Pairs with most series"
          head="Label and value"
          file="pairs"
          rows={answer.seriesCountByLabelValuePair ?? []}
          total={total}
          text={text}
          link={pairLink}
        />
        <Table
          title="Labels with most memory"
          head="Label"
          file="memory"
          rows={answer.memoryInBytesByLabelName ?? []}
          text={text}
          format={formatBytes}
        />
      </div>
    </>
  );
}

function Tile({ name, value }: { name: string; value: string }) {
  return (
    <div class="tile">
      <div class="value">{value}</div>
      <div class="name">{name}</div>
    </div>
  );
}

function Table({
  title,
  head,
  file,
  rows,
  total = 0,
  text,
  link,
  format = formatCount,
}: {
  title: string;
  head: string;
  file: string;
  rows: readonly Statistic[];
  /** Of which the values are parts; 0: of the greatest. */
  total?: number;
  text: string;
  link?: (name: string) => string;
  format?: (value: number) => string;
}) {
  const matches = matcherOf(text);
  const shown = rows.filter(({ name }) => matches([name]));
  const whole = total || Math.max(1, ...rows.map(({ value }) => value));
  const save = (): void =>
    download(
      `cardinality-${file}.csv`,
      'text/csv;charset=utf-8',
      csvOf([
        [quoted(head.toLowerCase()), 'value'],
        ...shown.map(({ name, value }) => [textCell(name), String(value)]),
      ]),
    );
  return (
    <section class="panel" aria-label={title}>
      <div class="card-head">
        <h2>{title}</h2>
        <button type="button" class="ghost small" onClick={save} aria-label={`${title} as CSV`}>
          <Icon name="download" size={14} /> CSV
        </button>
      </div>
      {shown.length === 0 ? (
        <p class="muted">{rows.length > 0 ? 'None is like this.' : 'Not told.'}</p>
      ) : (
        <table class="statistics">
          <thead>
            <tr>
              <th scope="col">{head}</th>
              <th scope="col" class="number">
                {total > 0 ? 'Series' : format === formatBytes ? 'Bytes' : 'Values'}
              </th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {shown.map(({ name, value }) => (
              <tr key={name}>
                <td class="mono wrap">{link ? <a href={link(name)}>{name}</a> : name}</td>
                <td class="number nowrap">{format(value)}</td>
                <td class="share-cell">
                  <div
                    class="share"
                    role="img"
                    aria-label={`${((value / whole) * 100).toFixed(1)} percent`}
                  >
                    <i style={{ width: `${Math.min(100, (value / whole) * 100)}%` }} />
                  </div>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}
