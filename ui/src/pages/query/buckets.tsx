// A native histogram: count, sum, and a bar per bucket.
import { useState } from 'preact/hooks';
import { formatSi } from '../../lib/format';
import { type Bucket, type HistogramValue, numberOf } from './result';

const BARS_MAX = 40;

/** "(0.5, 1]": which bounds belong to the bucket. */
export function bucketName([rule, low, high]: Bucket): string {
  const open = rule === 1 || rule === 3 ? '[' : '(';
  const close = rule === 0 || rule === 3 ? ']' : ')';
  return `${open}${formatSi(numberOf(low), 5)}, ${formatSi(numberOf(high), 5)}${close}`;
}

export function Buckets({ histogram }: { histogram: HistogramValue }) {
  const [all, setAll] = useState(false);
  const buckets = histogram.buckets ?? [];
  const most = buckets.reduce((max, [, , , count]) => Math.max(max, numberOf(count)), 0);
  const shown = all ? buckets : buckets.slice(0, BARS_MAX);
  return (
    <div class="buckets">
      <div class="muted">
        count {histogram.count} · sum {histogram.sum}
      </div>
      {shown.map((bucket) => (
        <div key={`${bucket[1]} ${bucket[2]}`} class="bucket">
          <span class="bucket-name">{bucketName(bucket)}</span>
          <span class="bucket-bar">
            <span style={{ width: `${most > 0 ? (100 * numberOf(bucket[3])) / most : 0}%` }} />
          </span>
          <span class="bucket-count">{bucket[3]}</span>
        </div>
      ))}
      {buckets.length > shown.length && (
        <button type="button" class="small" onClick={() => setAll(true)}>
          All {buckets.length} buckets
        </button>
      )}
    </div>
  );
}
