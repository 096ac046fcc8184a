// Metrics with type and help: find one, put it into the expression.
import { useMemo, useState } from 'preact/hooks';
import { useCall } from '../../api/use_call';
import { Badge, Dialog, FilterBox } from '../../components/controls';
import { DataRegion, Empty } from '../../components/states';
import { formatCount } from '../../lib/format';
import type { Surroundings } from './editor_client';
import { storeSelector } from './request';

const SHOWN_MAX = 200;
type Metadata = Record<string, { type?: string; help?: string; unit?: string }[]>;

/** All words of `needle` occur in name or help; names that begin with it come first. */
export function findMetrics(
  names: readonly string[],
  helpOf: (name: string) => string,
  needle: string,
): string[] {
  const words = needle.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...names];
  const found = names.filter((name) => {
    const text = `${name} ${helpOf(name)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
  const rank = (name: string): number =>
    name.startsWith(words[0]!) ? 0 : name.includes(words[0]!) ? 1 : 2;
  return found.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

export function MetricsDialog({
  around,
  onPick,
  onClose,
}: {
  around: () => Surroundings;
  onPick: (metric: string) => void;
  onClose: () => void;
}) {
  const [filter, setFilter] = useState('');
  const [asked] = useState(around());
  const names = useCall<string[]>('api/v1/label/__name__/values', {
    params: {
      start: Math.floor(asked.startMs / 1000),
      end: Math.ceil(asked.endMs / 1000),
      'storeMatch[]': asked.stores.map(storeSelector),
    },
    headers: asked.tenantHeader,
  });
  const metadata = useCall<Metadata>('api/v1/metadata', { headers: asked.tenantHeader });
  const known = metadata.answer?.data ?? {};
  const one = (name: string) =>
    known[name]?.[0] ?? known[name.replace(/_(bucket|sum|count)$/, '')]?.[0];
  const found = useMemo(
    () => findMetrics(names.answer?.data ?? [], (name) => one(name)?.help ?? '', filter),
    [names.answer, metadata.answer, filter],
  );
  return (
    <Dialog title="Metrics" onClose={onClose} wide>
      <div class="legend-tools">
        <FilterBox value={filter} onInput={setFilter} label="Find by name or help" />
        <span class="muted">{formatCount(found.length)} metrics in the panel's range</span>
      </div>
      <DataRegion
        call={names}
        isEmpty={() => found.length === 0}
        empty={<Empty title="No such metric" />}
      >
        {() => (
          <ul class="history metrics">
            {found.slice(0, SHOWN_MAX).map((name) => (
              <li key={name}>
                <button type="button" class="item" onClick={() => onPick(name)}>
                  <span>
                    <span class="mono">{name}</span>{' '}
                    {one(name)?.type && <Badge tone="plain">{one(name)?.type}</Badge>}
                    {one(name)?.help && (
                      <span class="muted small-text block">{one(name)?.help}</span>
                    )}
                  </span>
                </button>
              </li>
            ))}
            {found.length > SHOWN_MAX && (
              <li class="muted">
                {formatCount(found.length - SHOWN_MAX)} more: type to find them.
              </li>
            )}
          </ul>
        )}
      </DataRegion>
    </Dialog>
  );
}
