// Sums, the legend, and blocks of which too little is known.
import { useMemo } from 'preact/hooks';
import { Ago } from '../../components/controls';
import {
  type Block,
  type BlocksAnswer,
  resolutionName,
  totalsOf,
  type Trouble,
} from '../../lib/blocks';
import { formatBytes, formatCount, formatSi, plural } from '../../lib/format';
import { timeOf } from '../../lib/match';

export function Totals({
  blocks,
  answer,
  partial,
}: {
  blocks: readonly Block[];
  answer: BlocksAnswer;
  partial: number;
}) {
  const totals = useMemo(() => totalsOf(blocks), [blocks]);
  const tile = (name: string, value: string, tone = '') => (
    <div class={`tile ${tone}`} key={name}>
      <div class="value">{value}</div>
      <div class="name">{name}</div>
    </div>
  );
  return (
    <div class="tiles">
      {tile('blocks', formatCount(totals.blocks))}
      {[...totals.byResolution].map(([ms, count]) => tile(resolutionName(ms), formatCount(count)))}
      {totals.bytes > 0 && tile('in all', formatBytes(totals.bytes))}
      {tile('samples', formatSi(totals.samples))}
      {tile('overlapping', formatCount(totals.overlapping), totals.overlapping > 0 ? 'bad' : '')}
      {totals.deletion > 0 && tile('to be deleted', formatCount(totals.deletion), 'warn')}
      {totals.noCompact > 0 && tile('not to be compacted', formatCount(totals.noCompact), 'warn')}
      {totals.noDownsample > 0 &&
        tile('not to be downsampled', formatCount(totals.noDownsample), 'warn')}
      {partial > 0 && tile('partial uploads', formatCount(partial), 'warn')}
      <div class="tile">
        <div class="value">
          <Ago ms={timeOf(answer.refreshedAt)} />
        </div>
        <div class="name">refreshed</div>
      </div>
    </div>
  );
}

export function Legend() {
  return (
    <div class="legend" aria-hidden="true">
      {[1, 2, 3, 4].map((level) => (
        <span key={level}>
          <i class={`swatch l${level}`} /> level {level}
        </span>
      ))}
      <span>
        <i class="swatch h5m" /> 5m
      </span>
      <span>
        <i class="swatch h1h" /> 1h
      </span>
      <span>
        <i class="swatch overlap" /> overlapping or in trouble
      </span>
      <span>
        <i class="swatch going" /> ✕ to be deleted
      </span>
      <span>▬ not to be compacted</span>
      <span>● not to be downsampled</span>
    </div>
  );
}

export function Lost({ lost }: { lost: readonly Trouble[] }) {
  return (
    <details class="panel">
      <summary>
        {plural(lost.length, 'block')} of which no meta.json is known: uploads that never ended, or
        blocks put aside
      </summary>
      <ul class="file-list">
        {lost.map(({ ulid, state, reason }) => (
          <li key={ulid} class="wrap">
            <span class="mono">{ulid}</span> {state}: {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}
