// A series as people know it, name{label="value"}, with the parts told apart.
import { type Labels, quoteLabel } from './result';

/** More labels than this are cut; the address and the exports have them all. */
const LABELS_MAX = 60;

/** Longer values are cut as well. */
const VALUE_MAX = 1000;
const cut = (text: string): string =>
  text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : text;

export function SeriesName({ labels }: { labels: Labels }) {
  const entries = Object.entries(labels).filter(([name]) => name !== '__name__');
  const shown = entries.slice(0, LABELS_MAX);
  const metric = labels['__name__'];
  return (
    <span class="series-name">
      {metric && <span class="metric">{cut(metric)}</span>}
      {(shown.length > 0 || !metric) && '{'}
      {shown.map(([name, value], i) => (
        <span key={name}>
          {i > 0 && ', '}
          <b>{cut(name)}</b>=<span class="value">{quoteLabel(cut(value))}</span>
        </span>
      ))}
      {entries.length > shown.length && `, … ${entries.length - shown.length} more`}
      {(shown.length > 0 || !metric) && '}'}
    </span>
  );
}
