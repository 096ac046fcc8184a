// Groups that the compactor has put aside, with why.
import { useCall } from '../../api/use_call';
import { Ago, Badge, Time } from '../../components/controls';
import { Icon } from '../../components/icon';
import { ErrorBox } from '../../components/states';
import { resolutionName } from '../../lib/blocks';
import { plural } from '../../lib/format';
import { timeOf } from '../../lib/match';

interface FailedGroup {
  key: string;
  labels: string;
  halted: boolean;
  /** Milliseconds. */
  resolution: number;
  reason: string;
  since: string;
  nextTry: string;
  failures: number;
  blocks: string[];
}

/** Nothing while all groups go well. */
export function Failed() {
  const { answer, error, reload } = useCall<{ groups: FailedGroup[] }>('api/v1/compact/halted', {
    everyMs: 30_000,
  });
  if (error)
    return <ErrorBox error={error} title="It is not known which groups failed" onRetry={reload} />;
  const groups = answer?.data.groups ?? [];
  if (groups.length === 0) return null;
  const halted = groups.filter((group) => group.halted).length;
  return (
    <details class="notice error" open={groups.length <= 3}>
      <summary>
        <Icon name="error" />{' '}
        <strong>
          {halted > 0
            ? `${plural(halted, 'group')} halted`
            : `${plural(groups.length, 'group')} failed`}
          {halted > 0 && groups.length > halted
            ? `, ${plural(groups.length - halted, 'more')} failed`
            : ''}
        </strong>
      </summary>
      {groups.map((group) => (
        <div key={group.key}>
          <p class="notice-head">
            <Badge tone="bad">{group.halted ? 'halted' : 'failed'}</Badge>
            <span class="mono wrap">{group.labels}</span>
            <span>{resolutionName(group.resolution)}</span>
            <span class="muted">
              since <Time ms={timeOf(group.since)} />, {plural(group.failures, 'failure')}
              {group.halted ? (
                ', will not pass by itself'
              ) : (
                <>
                  , last tried <Ago ms={timeOf(group.since)} />, next at{' '}
                  <Time ms={timeOf(group.nextTry)} />
                </>
              )}
            </span>
          </p>
          <pre>{group.reason}</pre>
          {group.blocks.length > 0 && <p class="mono wrap muted">{group.blocks.join(' ')}</p>}
        </div>
      ))}
    </details>
  );
}
