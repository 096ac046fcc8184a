// Tables that are sorted by a click on a heading. The order is in the address: "sort=-name".
import { setParams } from '../app/router';
import { Icon } from './icon';

/** A heading that sorts. `first` says which order the first click gives. */
export function SortHead({
  name,
  text,
  sort,
  first = 'up',
  param = 'sort',
  class: className = '',
}: {
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
