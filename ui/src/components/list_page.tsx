// Pages that are a list: one call, a box that filters, lines.
import type { ComponentChildren, VNode } from 'preact';
import type { CallState } from '../api/use_call';
import { setParams } from '../app/router';
import { FilterBox, Page } from './controls';
import { DataRegion, Empty } from './states';
import { VirtualList } from './virtual_list';
import './lists.css';

/** What is typed stands in the address as `text`. */
export function ListPage<T>({
  title,
  text,
  filter,
  tools,
  call,
  isEmpty,
  empty,
  children,
}: {
  title: string;
  text: string;
  /** What the box filters by. */
  filter: string;
  tools?: ComponentChildren;
  call: CallState<T>;
  isEmpty?: (data: T) => boolean;
  empty?: VNode;
  children: (data: T) => ComponentChildren;
}) {
  return (
    <Page
      title={title}
      tools={
        <>
          {tools}
          <FilterBox value={text} label={filter} onInput={(next) => setParams({ text: next })} />
        </>
      }
    >
      <DataRegion call={call} isEmpty={isEmpty} empty={empty}>
        {children}
      </DataRegion>
    </Page>
  );
}

interface Filtered {
  /** "7 rules" */
  all: string;
  /** Keys of the address that filter. */
  filters: readonly string[];
}

/** Nothing is left, and the way back. */
export function NoneLikeThis({ all, filters }: Filtered) {
  const reset = Object.fromEntries(filters.map((key) => [key, null]));
  return (
    <Empty title={`None of ${all} is like this`}>
      <button type="button" onClick={() => setParams(reset)}>
        Show all
      </button>
    </Empty>
  );
}

/** The lines that are left. */
export function FilteredLines<T>({
  items,
  all,
  filters,
  render,
}: Filtered & {
  items: readonly T[];
  render: (item: T, index: number) => ComponentChildren;
}) {
  if (items.length === 0) return <NoneLikeThis all={all} filters={filters} />;
  return (
    <div class={`lines ${items.length > 1000 ? 'many' : ''}`}>
      <VirtualList items={items} rowHeight={40} render={render} />
    </div>
  );
}
