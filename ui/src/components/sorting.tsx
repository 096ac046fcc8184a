// Tables that are sorted by a click on a heading. The order is in the address: "sort=-name".
import { setParams } from '../app/router';
import { Icon } from './icon';

export type Value = string | number;

/** Rows in the order of `sort`, "name" or "-name"; columns say what a row is compared by. */
export function sorted<T>(
  rows: readonly T[],
  sort: string,
  columns: Readonly<Record<string, (row: T) => Value>>,
): T[] {
  const down = sort.startsWith('-');
  const valueOf = columns[down ? sort.slice(1) : sort];
  if (!valueOf) return [...rows];
  const compare = (a: T, b: T): number => {
    const x = valueOf(a);
    const y = valueOf(b);
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return String(x).localeCompare(String(y), 'en', { numeric: true });
  };
  return [...rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
}

/** A heading that sorts. `first` says which order the first click gives. */
export function SortHead({ name, text, sort, first = 'up', param = 'sort', class: className = '' }: {
  name: string;
  text: string;
  /** The order now. */
  sort: string;
  first?: 'up' | 'down';
  param?: string;
  class?: string;
}) {
  const up = sort === name;
  const down = sort === `-${name}`;
  const next = up ? `-${name}` : down ? name : first === 'up' ? name : `-${name}`;
  return (
    <th scope="col" class={className} aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}>
      <button type="button" onClick={() => setParams({ [param]: next })}>
        {text}
        {(up || down) && <Icon name={up ? 'up' : 'down'} size={12} />}
      </button>
    </th>
  );
}
