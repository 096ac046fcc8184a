// Which stores a query asks: all, or those that are ticked.
import { useState } from 'preact/hooks';
import { Menu } from '../../components/controls';
import { Icon } from '../../components/icon';
import { plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { knownStores, refreshStores } from './stores';

const SHOWN_MAX = 300;

export function StoresMenu({
  chosen,
  onChange,
}: {
  chosen: readonly string[];
  onChange: (next: string[]) => void;
}) {
  const stores = useStore(knownStores) ?? [];
  const [filter, setFilter] = useState('');
  const needle = filter.toLowerCase();
  // Chosen ones are listed though the querier may not know them any more.
  const unknown = chosen.filter((name) => !stores.some((one) => one.name === name));
  const all = [
    ...unknown.map((name) => ({ name, type: 'unknown', up: false, labels: '' })),
    ...stores,
  ];
  const found = all.filter(({ name, type, labels }) =>
    `${name} ${type} ${labels}`.toLowerCase().includes(needle),
  );
  const toggle = (name: string): void =>
    onChange(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  const text =
    chosen.length === 0
      ? 'All stores'
      : chosen.length === 1
        ? chosen[0]!
        : plural(chosen.length, 'store');
  return (
    <span onPointerEnter={refreshStores} onFocusIn={refreshStores}>
      <Menu
        label="Stores:"
        class={chosen.length > 0 ? 'active' : ''}
        button={
          <>
            <Icon name="filter" size={13} /> <span class="ellipsis">{text}</span>
          </>
        }
      >
        <input
          type="search"
          placeholder="Find by address, type or label"
          aria-label="Find stores"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        {chosen.length > 0 && (
          <button type="button" class="small" onClick={() => onChange([])}>
            Ask all stores
          </button>
        )}
        <div class="menu-scroll">
          {found.slice(0, SHOWN_MAX).map(({ name, type, up, labels }) => (
            <label key={name} class="store-choice">
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={() => toggle(name)}
              />
              <span>
                <span class="mono">{name}</span>{' '}
                <span class="muted">
                  {type}
                  {up ? '' : ' · down'}
                </span>
                {labels && <span class="muted small-text block">{labels}</span>}
              </span>
            </label>
          ))}
          {found.length === 0 && <p class="muted">No such store.</p>}
          {found.length > SHOWN_MAX && (
            <p class="muted">{found.length - SHOWN_MAX} more: type to find them.</p>
          )}
        </div>
      </Menu>
    </span>
  );
}
