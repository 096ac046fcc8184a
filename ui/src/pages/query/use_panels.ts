// The panels of the page: the address holds them, this changes it.
import { useMemo, useRef, useState } from 'preact/hooks';
import { currentPlace, navigate } from '../../app/router';
import {
  decodePanels,
  encodePanels,
  newPanel,
  type PanelDefaults,
  PANELS_MAX,
  type PanelState,
} from './url_state';

export interface Panels {
  panels: PanelState[];
  /** One per panel; stays with it when panels are added, moved and removed. */
  ids: readonly string[];
  /** Changes when all are to run. */
  round: number;
  draftOf: (id: string) => { current: string };
  change: (index: number, changes: Partial<PanelState>) => void;
  /** Beside `index`, or at the end. */
  add: (panel: PanelState, index?: number) => void;
  remove: (index: number) => void;
  move: (index: number, by: -1 | 1) => void;
  /** Runs what is typed in all of them. */
  runAll: () => void;
  /** Runs them as they are. */
  refresh: () => void;
}

export function usePanels(params: URLSearchParams, path: string, defaults: PanelDefaults): Panels {
  const [round, setRound] = useState(0);
  const [, redraw] = useState(0);
  const ids = useRef<string[]>([]);
  const counter = useRef(0);
  const drafts = useRef(new Map<string, { current: string }>());
  const read = (from: URLSearchParams): PanelState[] => {
    const found = decodePanels(from, defaults);
    return found.length > 0 ? found : [newPanel(defaults)];
  };
  const panels = useMemo(() => read(params), [params]);
  const fresh = (): string => `panel${counter.current++}`;
  while (ids.current.length < panels.length) ids.current.push(fresh());
  ids.current.length = panels.length;

  const draftOf = (id: string): { current: string } => {
    let draft = drafts.current.get(id);
    if (!draft) drafts.current.set(id, (draft = { current: '' }));
    return draft;
  };
  // From the address, not from what was last drawn: two changes may come between two drawings.
  const update = (edit: (now: PanelState[]) => PanelState[]): void =>
    navigate(`${path || 'graph'}?${encodePanels(edit(read(currentPlace().params)))}`);
  const swap = <T>(list: T[], i: number, to: number): T[] => {
    const next = [...list];
    [next[i], next[to]] = [next[to]!, next[i]!];
    return next;
  };
  const refresh = (): void => setRound((n) => n + 1);
  return {
    panels,
    ids: ids.current,
    round,
    draftOf,
    refresh,
    change: (index, changes) =>
      update((now) => now.map((panel, n) => (n === index ? { ...panel, ...changes } : panel))),
    add(panel, index = panels.length) {
      if (panels.length >= PANELS_MAX) return;
      ids.current.splice(index, 0, fresh());
      update((now) => [...now.slice(0, index), panel, ...now.slice(index)]);
    },
    remove(index) {
      drafts.current.delete(ids.current[index] ?? '');
      ids.current.splice(index, 1);
      update((now) => now.filter((_, n) => n !== index));
    },
    move(index, by) {
      const to = index + by;
      if (to < 0 || to >= panels.length) return;
      ids.current = swap(ids.current, index, to);
      update((now) => swap(now, index, to));
      // Two panels of the same query: the address stays, what is typed in them moves.
      redraw((n) => n + 1);
    },
    runAll() {
      update((now) =>
        now.map((panel, i) => ({ ...panel, expr: draftOf(ids.current[i] ?? '').current })),
      );
      refresh();
    },
  };
}
