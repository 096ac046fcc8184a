// Everything about one rule, in a drawer.
import { hrefOf } from '../app/router';
import { formatTook, plural } from '../lib/format';
import { selectorOf, timeOf } from '../lib/match';
import { type Alert, type AlertState, linkKeyOf, type PlacedRule, valueText } from '../lib/rules';
import { formatAge, formatDuration } from '../lib/time';
import { Ago, Badge, CopyButton, Dialog, LabelSet, Time, type Tone } from './controls';
import { Icon } from './icon';
import { Facts, LinkedText } from './text';

export const stateTones: Record<AlertState, Tone> = {
  firing: 'bad',
  pending: 'warn',
  inactive: 'good',
  unknown: 'plain',
};

export const healthTone = (health: string): Tone =>
  health === 'ok' ? 'good' : health === 'err' || health === 'bad' ? 'bad' : 'plain';

export const queryLink = (expression: string): string =>
  hrefOf('graph', { 'g0.expr': expression, 'g0.tab': '0', 'g0.range_input': '1h' });

export function Annotations({ annotations }: { annotations: Record<string, string> }) {
  const entries = Object.entries(annotations);
  if (entries.length === 0) return <span class="muted">none</span>;
  return (
    <Facts facts={entries.map(([name, text]) => [name, <LinkedText text={text} />] as const)} />
  );
}

export function Instance({ alert }: { alert: Alert }) {
  const since = timeOf(alert.activeAt);
  return (
    <div class="panel instance">
      <p class="toolbar">
        <Badge tone={stateTones[alert.state] ?? 'plain'}>{alert.state}</Badge>
        {since > 0 && (
          <span>
            for {formatAge(Date.now() - since)}, since <Time ms={since} />
          </span>
        )}
        <span class="push mono">{valueText(alert.value)}</span>
      </p>
      <LabelSet labels={alert.labels} />
      <Annotations annotations={alert.annotations} />
      <p>
        <a
          href={queryLink(
            `ALERTS${selectorOf({ alertname: alert.labels['alertname'] ?? '', ...alert.labels })}`,
          )}
        >
          History of this alert
        </a>
      </p>
    </div>
  );
}

const INSTANCES_SHOWN = 100;

export function RuleDetails({ placed, onClose }: { placed: PlacedRule; onClose: () => void }) {
  const { rule, group } = placed;
  const alerts = rule.alerts ?? [];
  const address = new URL(
    hrefOf(rule.type === 'alerting' ? 'alerts' : 'rules', { rule: linkKeyOf(placed) }),
    document.baseURI,
  );
  return (
    <Dialog title={rule.name} onClose={onClose} drawer>
      <p class="toolbar">
        {rule.type === 'alerting' && (
          <Badge tone={stateTones[rule.state ?? 'unknown']}>{rule.state ?? 'unknown'}</Badge>
        )}
        <Badge tone={healthTone(rule.health)}>{rule.health}</Badge>
        <span class="push" />
        <a class="button" href={queryLink(rule.query)}>
          <Icon name="play" size={12} /> Run in Query
        </a>
        <CopyButton text={address.href} label="Copy link" />
      </p>
      {rule.lastError && <pre class="notice error">{rule.lastError}</pre>}
      <pre class="panel expr">{rule.query}</pre>
      <Facts
        facts={[
          ['Group', `${group.name} in ${group.file || 'no file'}`],
          ['Kind', rule.type],
          ['Labels', <LabelSet labels={rule.labels} />],
          ...(rule.type === 'alerting'
            ? ([
                ['Fires after', formatDuration((rule.duration ?? 0) * 1000)],
                ['Keeps firing for', formatDuration((rule.keepFiringFor ?? 0) * 1000)],
              ] as const)
            : []),
          ['Evaluated', <Ago ms={timeOf(rule.lastEvaluation)} />],
          ['Evaluation took', formatTook(rule.evaluationTime * 1000)],
          ['Group interval', formatDuration(group.interval * 1000)],
          ['Partial response', group.partialResponseStrategy],
        ]}
      />
      {rule.type === 'alerting' && (
        <>
          <h3>Annotations</h3>
          <Annotations annotations={rule.annotations ?? {}} />
          <h3>{plural(alerts.length, 'active alert')}</h3>
          {alerts.slice(0, INSTANCES_SHOWN).map((alert, i) => (
            <Instance key={i} alert={alert} />
          ))}
          {alerts.length > INSTANCES_SHOWN && (
            <p class="muted">
              The first {INSTANCES_SHOWN} of them are shown; the list of alerts has them all.
            </p>
          )}
        </>
      )}
    </Dialog>
  );
}
