// All rules of all rulers, by group; slow and broken ones are found by a click.
import { useMemo } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import { setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Ago, Badge, Chips, LabelSet, Segments } from '../../components/controls';
import { FilteredLines, ListPage } from '../../components/list_page';
import { healthTone, RuleDetails, stateTones } from '../../components/rule_details';
import { Empty } from '../../components/states';
import { formatTook, plural } from '../../lib/format';
import { matcherOf, timeOf } from '../../lib/match';
import {
  isStale,
  linkKeyOf,
  type PlacedRule,
  placedRules,
  type RuleGroup,
  type RulesAnswer,
  stateOf,
} from '../../lib/rules';
import { formatDuration } from '../../lib/time';
import './rules.css';

export default function RulesPage({ params }: PageProps) {
  const call = useCall<RulesAnswer>('api/v1/rules', { everyMs: 30_000 });
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Rules"
      text={text}
      filter="Filter by name, expression or label"
      call={call}
      isEmpty={(answer) => placedRules(answer).length === 0}
      empty={
        <Empty title="No endpoint has rules">
          <p>Rulers and sidecars tell of theirs once they are endpoints of this querier.</p>
        </Empty>
      }
    >
      {(answer) => <Rules answer={answer} params={params} />}
    </ListPage>
  );
}

type Line = { group: RuleGroup; count: number } | PlacedRule;

function linesOf(rules: readonly PlacedRule[], slowest: boolean): Line[] {
  if (slowest) return [...rules].sort((a, b) => b.rule.evaluationTime - a.rule.evaluationTime);
  const out: Line[] = [];
  let group: RuleGroup | null = null;
  for (const placed of rules) {
    if (placed.group !== group) {
      group = placed.group;
      out.push({ group, count: rules.filter((one) => one.group === group).length });
    }
    out.push(placed);
  }
  return out;
}

function Rules({ answer, params }: { answer: RulesAnswer; params: URLSearchParams }) {
  const all = useMemo(() => placedRules(answer), [answer]);
  const text = params.get('text') ?? '';
  const chosen = new Set((params.get('show') ?? '').split(',').filter(Boolean));
  const slowest = params.get('sort') === 'slow';
  const shown = useMemo(() => {
    const matches = matcherOf(text);
    const kinds = ['alerting', 'recording'].filter((kind) => chosen.has(kind));
    return all.filter(
      ({ rule, group }) =>
        (kinds.length === 0 || kinds.includes(rule.type)) &&
        (!chosen.has('broken') || rule.health === 'err') &&
        matches(
          [rule.name, rule.query, group.name, group.file, rule.lastError ?? ''],
          [rule.labels, rule.annotations ?? {}],
        ),
    );
  }, [all, text, params.get('show')]);
  const lines = useMemo(() => linesOf(shown, slowest), [shown, slowest]);
  const wanted = params.get('rule');
  const opened = wanted ? all.find((one) => linkKeyOf(one) === wanted) : undefined;
  const count = (what: (one: PlacedRule) => boolean): number => all.filter(what).length;
  const broken = count(({ rule }) => rule.health === 'err');
  return (
    <>
      <div class="toolbar">
        <Chips
          label="Kind"
          chosen={chosen}
          onChange={(next) => setParams({ show: [...next].join(',') })}
          options={[
            {
              value: 'alerting',
              text: 'Alerting',
              count: count(({ rule }) => rule.type === 'alerting'),
            },
            {
              value: 'recording',
              text: 'Recording',
              count: count(({ rule }) => rule.type === 'recording'),
            },
            { value: 'broken', text: 'Failing', count: broken, tone: broken > 0 ? 'bad' : 'plain' },
          ]}
        />
        <Segments
          label="Order"
          value={slowest ? 'slow' : 'group'}
          onChange={(next) => setParams({ sort: next === 'slow' ? 'slow' : null })}
          options={[
            { value: 'group', text: 'By group' },
            { value: 'slow', text: 'Slowest first' },
          ]}
        />
        <span class="push muted">{plural(shown.length, 'rule')}</span>
      </div>
      <FilteredLines
        items={lines}
        all={plural(all.length, 'rule')}
        filters={['text', 'show']}
        render={(line) =>
          'key' in line ? (
            <RuleLine key={line.key} placed={line} />
          ) : (
            <GroupLine key={`${line.group.file} ${line.group.name}`} {...line} />
          )
        }
      />
      {wanted && !opened && <Empty title={`There is no rule "${wanted}"`} />}
      {opened && <RuleDetails placed={opened} onClose={() => setParams({ rule: null })} />}
    </>
  );
}

function GroupLine({ group, count }: { group: RuleGroup; count: number }) {
  const last = timeOf(group.lastEvaluation);
  return (
    <div class="line rule-group">
      <h2 class="clip">
        {group.name} <span class="muted">{group.file}</span>
      </h2>
      <span class="muted nowrap">
        {plural(count, 'rule')} · every {formatDuration(group.interval * 1000)} · took{' '}
        {formatTook(group.evaluationTime * 1000)} · <Ago ms={last} />
      </span>
      {isStale(group, last, Date.now()) ? <Badge tone="warn">late</Badge> : <span />}
    </div>
  );
}

function RuleLine({ placed }: { placed: PlacedRule }) {
  const { rule } = placed;
  return (
    <button
      type="button"
      class="line rule-line"
      onClick={() => setParams({ rule: linkKeyOf(placed) }, false)}
    >
      <span class="wrap">
        <strong>{rule.name}</strong>{' '}
        <span class="muted">{rule.type === 'recording' ? 'recording' : ''}</span>
      </span>
      <span class="expr clip" title={rule.query}>
        {rule.query}
      </span>
      <span class="rule-labels">
        <LabelText labels={rule.labels} />
      </span>
      <span class="muted number nowrap">{formatTook(rule.evaluationTime * 1000)}</span>
      <span class="states">
        {rule.type === 'alerting' && (
          <Badge tone={stateTones[stateOf(rule)]}>{stateOf(rule)}</Badge>
        )}
        {rule.health !== 'ok' && <Badge tone={healthTone(rule.health)}>{rule.health}</Badge>}
      </span>
    </button>
  );
}

// Inside of a button there are no buttons: labels without "+n".
function LabelText({ labels }: { labels: Record<string, string> }) {
  return Object.keys(labels).length === 0 ? null : <LabelSet labels={labels} />;
}
