// What fires, what is about to, and what could.
import { useMemo } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import { hrefOf, navigate, setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Badge, Chips, LabelSet } from '../../components/controls';
import { FilteredLines, ListPage } from '../../components/list_page';
import { Icon } from '../../components/icon';
import { RuleDetails, stateTones } from '../../components/rule_details';
import { Empty } from '../../components/states';
import { plural } from '../../lib/format';
import { matcherOf, timeOf } from '../../lib/match';
import {
  type Alert,
  type AlertState,
  linkKeyOf,
  type PlacedRule,
  placedRules,
  type RulesAnswer,
  stateOf,
  valueText,
} from '../../lib/rules';
import { formatAge } from '../../lib/time';
import './alerts.css';

export default function AlertsPage({ params }: PageProps) {
  const call = useCall<RulesAnswer>('api/v1/rules', { params: { type: 'alert' }, everyMs: 15_000 });
  const text = params.get('text') ?? '';
  return (
    <ListPage
      title="Alerts"
      text={text}
      filter="Filter by name, label or annotation"
      call={call}
      isEmpty={(answer) => placedRules(answer).length === 0}
      empty={
        <Empty title="No endpoint has alerting rules">
          <p>Rulers and sidecars tell of theirs once they are endpoints of this querier.</p>
        </Empty>
      }
    >
      {(answer) => <Alerts answer={answer} params={params} />}
    </ListPage>
  );
}

const STATES: readonly AlertState[] = ['firing', 'pending', 'inactive', 'unknown'];

type Line = { placed: PlacedRule; alert?: Alert; key: string };

// A rule, then its instances: the longest active first.
function linesOf(rules: readonly PlacedRule[], open: ReadonlySet<string>): Line[] {
  const ordered = [...rules].sort(
    (a, b) =>
      STATES.indexOf(stateOf(a.rule)) - STATES.indexOf(stateOf(b.rule)) ||
      a.rule.name.localeCompare(b.rule.name),
  );
  return ordered.flatMap((placed) => {
    const alerts = placed.rule.alerts ?? [];
    // What fires is shown, unless it was closed; what does not is closed, unless it was opened.
    const isOpen = (stateOf(placed.rule) === 'firing') !== open.has(linkKeyOf(placed));
    const instances = isOpen
      ? [...alerts].sort((a, b) => timeOf(a.activeAt) - timeOf(b.activeAt))
      : [];
    return [
      { placed, key: placed.key },
      ...instances.map((alert, i) => ({ placed, alert, key: `${placed.key}.${i}` })),
    ];
  });
}

function Alerts({ answer, params }: { answer: RulesAnswer; params: URLSearchParams }) {
  const all = useMemo(
    () => placedRules(answer).filter(({ rule }) => rule.type === 'alerting'),
    [answer],
  );
  const text = params.get('text') ?? '';
  const chosen = new Set((params.get('state') ?? '').split(',').filter(Boolean));
  const toggled = new Set(params.getAll('toggle'));
  const matches = matcherOf(text);
  const shown = all.filter(
    ({ rule, group }) =>
      (chosen.size === 0 || chosen.has(stateOf(rule))) &&
      matches(
        [rule.name, rule.query, group.name],
        [
          rule.labels,
          rule.annotations ?? {},
          ...(rule.alerts ?? []).flatMap((one) => [one.labels, one.annotations]),
        ],
      ),
  );
  const lines = linesOf(shown, toggled);
  const wanted = params.get('rule');
  const opened = wanted ? all.find((one) => linkKeyOf(one) === wanted) : undefined;
  const count = (state: AlertState): number =>
    all.filter(({ rule }) => stateOf(rule) === state).length;
  const instances = all.reduce(
    (sum, { rule }) => sum + (rule.alerts ?? []).filter(({ state }) => state === 'firing').length,
    0,
  );
  return (
    <>
      <div class="toolbar">
        <Chips
          label="State"
          chosen={chosen}
          onChange={(next) => setParams({ state: [...next].join(',') })}
          options={STATES.filter((state) => state !== 'unknown' || count(state) > 0).map(
            (state) => ({
              value: state as string,
              text: state[0]!.toUpperCase() + state.slice(1),
              count: count(state),
              tone: count(state) > 0 ? stateTones[state] : 'plain',
            }),
          )}
        />
        <span class="push muted">
          {plural(shown.length, 'rule')}, {plural(instances, 'firing alert')}
        </span>
      </div>
      <FilteredLines
        items={lines}
        all={plural(all.length, 'alerting rule')}
        filters={['text', 'state']}
        render={(line) =>
          line.alert ? (
            <InstanceLine key={line.key} placed={line.placed} alert={line.alert} />
          ) : (
            <RuleLine key={line.key} placed={line.placed} toggled={toggled} />
          )
        }
      />
      {wanted && !opened && <Empty title={`There is no alerting rule "${wanted}"`} />}
      {opened && <RuleDetails placed={opened} onClose={() => setParams({ rule: null })} />}
    </>
  );
}

function toggle(key: string, toggled: ReadonlySet<string>): void {
  const place = new URLSearchParams(location.search);
  place.delete('toggle');
  for (const one of toggled) if (one !== key) place.append('toggle', one);
  if (!toggled.has(key)) place.append('toggle', key);
  navigate(hrefOf('alerts', place), true);
}

function RuleLine({ placed, toggled }: { placed: PlacedRule; toggled: ReadonlySet<string> }) {
  const { rule, group } = placed;
  const alerts = rule.alerts ?? [];
  const key = linkKeyOf(placed);
  const isOpen = (stateOf(rule) === 'firing') !== toggled.has(key);
  return (
    <div class={`line alert-line ${stateOf(rule)}`}>
      {alerts.length > 0 ? (
        <button
          type="button"
          class="ghost icon-only"
          aria-expanded={isOpen}
          aria-label={`Alerts of ${rule.name}`}
          onClick={() => toggle(key, toggled)}
        >
          <Icon name={isOpen ? 'down' : 'right'} size={14} />
        </button>
      ) : (
        <span />
      )}
      <button
        type="button"
        class="ghost alert-name"
        onClick={() => setParams({ rule: key }, false)}
      >
        <strong class="wrap">{rule.name}</strong>
        <span class="muted">{group.name}</span>
      </button>
      <span class="expr clip" title={rule.query}>
        {rule.query}
      </span>
      <span class="muted nowrap">{alerts.length > 0 ? plural(alerts.length, 'alert') : ''}</span>
      <Badge tone={stateTones[stateOf(rule)]}>{stateOf(rule)}</Badge>
    </div>
  );
}

function InstanceLine({ placed, alert }: { placed: PlacedRule; alert: Alert }) {
  const since = timeOf(alert.activeAt);
  const { alertname: _, ...labels } = alert.labels;
  const summary =
    alert.annotations['summary'] ??
    alert.annotations['description'] ??
    alert.annotations['message'] ??
    '';
  return (
    <button
      type="button"
      class="line instance-line"
      onClick={() => setParams({ rule: linkKeyOf(placed) }, false)}
    >
      <Badge tone={stateTones[alert.state] ?? 'plain'}>{alert.state}</Badge>
      <span>
        <LabelSet labels={labels} />
        {summary && <span class="summary wrap">{summary}</span>}
      </span>
      <span class="mono nowrap">{valueText(alert.value)}</span>
      <span class="muted nowrap">{since > 0 ? `for ${formatAge(Date.now() - since)}` : ''}</span>
    </button>
  );
}
