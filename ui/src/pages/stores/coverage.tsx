// Strips that show which part of a time span endpoints cover.
import { timeZone } from '../../app/preferences';
import { Icon } from '../../components/icon';
import { holesIn, type Span, ticksIn, unionOf } from '../../lib/coverage';
import { plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { formatAge, formatTime, zoneName } from '../../lib/time';
import type { Store } from './index';

const percent = (ms: number, { from, to }: Span): number =>
  Math.max(0, Math.min(100, ((ms - from) / (to - from)) * 100));

export function CoverageAxis({
  span,
  most = 4,
}: {
  span: Span;
  /** How many times at most. */
  most?: number;
}) {
  const zone = useStore(timeZone);
  const days = span.to - span.from > 3 * 86_400_000;
  return (
    <span class="coverage-axis" title={zoneName(zone)}>
      {ticksIn(span, most)
        .filter((ms) => percent(ms, span) < 88)
        .map((ms) => (
          <span key={ms} style={{ left: `${percent(ms, span)}%` }}>
            {days ? formatTime(ms, zone).slice(5, 10) : formatTime(ms, zone).slice(11, 16)}
          </span>
        ))}
    </span>
  );
}

export function Coverage({ spans, span, up }: { spans: readonly Span[]; span: Span; up: boolean }) {
  const zone = useStore(timeZone);
  const inside = spans.filter(({ from, to }) => from < span.to && to > span.from);
  const text = spans
    .map(({ from, to }) => `${formatTime(from, zone)} to ${formatTime(to, zone)}`)
    .join(', ');
  return (
    <div
      class="coverage"
      role="img"
      aria-label={inside.length > 0 ? `covers ${text}` : `nothing in this span; covers ${text}`}
      title={text}
    >
      {inside.map(({ from, to }) => (
        <i
          key={from}
          class={up ? '' : 'down'}
          style={{
            left: `${percent(from, span)}%`,
            width: `${Math.max(0.6, percent(to, span) - percent(from, span))}%`,
          }}
        />
      ))}
    </div>
  );
}

/** All endpoints together: holes are what no query can see. */
export function CoverageSummary({ stores, span }: { stores: readonly Store[]; span: Span }) {
  const zone = useStore(timeZone);
  const clip = ({ from, to }: Span): Span => ({
    from: Math.max(from, span.from),
    to: Math.min(to, span.to),
  });
  const union = unionOf(stores.filter(({ up }) => up).map(({ covers }) => clip(covers)));
  const holes = holesIn(union);
  return (
    <section class="panel coverage-all" aria-label="Coverage of all">
      <div class="coverage-title">
        <h2>Time covered</h2>
        <span class="muted">
          {formatTime(span.from, zone)} to {formatTime(span.to, zone)} {zoneName(zone)}
        </span>
      </div>
      <Coverage spans={union} span={span} up />
      <CoverageAxis span={span} most={8} />
      {union.length === 0 && (
        <p class="hole">
          <Icon name="warn" size={14} /> No endpoint that is up covers any of this time.
        </p>
      )}
      {holes.slice(0, 5).map(({ from, to }) => (
        <p key={from} class="hole">
          <Icon name="warn" size={14} /> Nothing covers {formatAge(to - from)} from{' '}
          {formatTime(from, zone)} to {formatTime(to, zone)}
        </p>
      ))}
      {holes.length > 5 && <p class="hole">and {plural(holes.length - 5, 'more hole')}</p>}
    </section>
  );
}
