// Which metrics there are, of which type, and what they mean.
import { useMemo } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import { hrefOf, setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Chips, CopyButton } from '../../components/controls';
import { FilteredLines, ListPage } from '../../components/list_page';
import { Empty } from '../../components/states';
import { plural } from '../../lib/format';
import { matcherOf, selectorOf } from '../../lib/match';
import './metrics.css';

interface Meta {
  type: string;
  help: string;
  unit: string;
}
type Answer = Record<string, Meta[]>;
interface Metric extends Meta {
  name: string;
}

export default function MetricsPage({ params }: PageProps) {
  const call = useCall<Answer>('api/v1/metadata');
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Metrics"
      text={text}
      filter="Find by name or meaning"
      call={call}
      isEmpty={(answer) => Object.keys(answer).length === 0}
      empty={
        <Empty title="No endpoint tells of metrics">
          <p>Sidecars and rulers know types and meanings; stores of blocks do not.</p>
        </Empty>
      }
    >
      {(answer) => (
        <List
          answer={answer}
          text={text}
          types={(params.get('type') ?? '').split(',').filter(Boolean)}
        />
      )}
    </ListPage>
  );
}

// What a first look at a metric of this type asks for.
function expressionOf({ name, type }: Metric): string {
  const selector = selectorOf({ __name__: name });
  if (type === 'counter') return `rate(${selector}[5m])`;
  if (type === 'histogram') {
    return `histogram_quantile(0.9, sum by (le) (rate(${selectorOf({ __name__: `${name}_bucket` })}[5m])))`;
  }
  return selector;
}

function List({ answer, text, types }: { answer: Answer; text: string; types: string[] }) {
  const all = useMemo(
    () =>
      Object.entries(answer)
        .flatMap(([name, metas]) => metas.map((meta) => ({ ...meta, name })))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    [answer],
  );
  const known = [...new Set(all.map(({ type }) => type))].sort();
  const matches = matcherOf(text);
  const shown = all.filter(
    (one) => (types.length === 0 || types.includes(one.type)) && matches([one.name, one.help]),
  );
  return (
    <>
      <div class="toolbar">
        <Chips
          label="Type"
          chosen={new Set(types)}
          onChange={(next) => setParams({ type: [...next].join(',') })}
          options={known.map((type) => ({
            value: type,
            text: type || 'unknown',
            count: all.filter((one) => one.type === type).length,
          }))}
        />
        <span class="push muted">{plural(shown.length, 'metric')}</span>
      </div>
      <FilteredLines
        items={shown}
        all={plural(all.length, 'metric')}
        filters={['text', 'type']}
        render={(one, i) => (
          <div key={`${one.name} ${i}`} class="line metric-line">
            <a
              class="mono wrap"
              href={hrefOf('graph', { 'g0.expr': expressionOf(one), 'g0.tab': '0' })}
            >
              {one.name}
            </a>
            <span class="badge">{one.type || 'unknown'}</span>
            <span class="muted wrap" title={one.help}>
              {one.help}
              {one.unit ? ` (${one.unit})` : ''}
            </span>
            <CopyButton compact text={one.name} label={`Copy ${one.name}`} />
          </div>
        )}
      />
    </>
  );
}
