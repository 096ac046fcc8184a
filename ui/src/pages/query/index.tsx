// The query page: panels, all in the address.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { clockSkewMs } from '../../api/config';
import { isTyping } from '../../app/keyboard';
import type { PageProps } from '../../app/routes';
import { navigate } from '../../app/router';
import { Menu } from '../../components/controls';
import { Icon } from '../../components/icon';
import { createPreference, oneOf, useStore } from '../../lib/store';
import { formatAge } from '../../lib/time';
import { completionOn, linterOn } from './editor';
import { Panel } from './panel';
import './query.css';
import { refreshStores } from './stores';
import { decodePanels, encodePanels, newPanel, PANELS_MAX, type PanelState } from './url_state';

const INTERVALS = ['off', '5s', '10s', '30s', '1m', '5m'] as const;
const LENGTH_MS: Record<(typeof INTERVALS)[number], number> = {
  off: 0,
  '5s': 5000,
  '10s': 10_000,
  '30s': 30_000,
  '1m': 60_000,
  '5m': 300_000,
};
const refresh = createPreference('refresh', 'off', oneOf(...INTERVALS));
const SKEW_MAX_MS = 30_000;

// Runs all panels in turn while the page is in sight.
function useRefresh(act: () => void): void {
  const every = LENGTH_MS[useStore(refresh)];
  useEffect(() => {
    if (every === 0) return;
    const timer = setInterval(() => document.visibilityState === 'visible' && act(), every);
    return () => clearInterval(timer);
  }, [every]);
}

function EditorMenu() {
  const completion = useStore(completionOn);
  const linter = useStore(linterOn);
  return (
    <Menu
      class="ghost"
      align="right"
      label="Settings:"
      button={
        <>
          Editor <Icon name="down" size={10} />
        </>
      }
    >
      <label class="check">
        <input
          type="checkbox"
          checked={completion}
          onChange={(event) => completionOn.set(event.currentTarget.checked)}
        />
        Complete while typing
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={linter}
          onChange={(event) => linterOn.set(event.currentTarget.checked)}
        />
        Check while typing
      </label>
    </Menu>
  );
}

export default function QueryPage({ config, params, path }: PageProps) {
  const interval = useStore(refresh);
  const skew = useStore(clockSkewMs);
  const [round, setRound] = useState(0);
  const [, redraw] = useState(0);
  const ids = useRef<string[]>([]);
  const counter = useRef(0);
  const drafts = useRef(new Map<string, { current: string }>());
  const defaults = {
    partial: config.partialResponseDefault,
    engine: config.defaultEngine,
    tenant: '',
  };
  const panels = useMemo(() => {
    const read = decodePanels(params, defaults);
    return read.length > 0 ? read : [newPanel(defaults)];
  }, [params]);
  while (ids.current.length < panels.length) ids.current.push(`panel${counter.current++}`);
  ids.current.length = panels.length;
  const draftOf = (id: string): { current: string } => {
    let draft = drafts.current.get(id);
    if (!draft) drafts.current.set(id, (draft = { current: '' }));
    return draft;
  };

  const show = (next: readonly PanelState[]): void =>
    navigate(`${path || 'graph'}?${encodePanels(next)}`);
  const change = (i: number, changes: Partial<PanelState>): void =>
    show(panels.map((panel, n) => (n === i ? { ...panel, ...changes } : panel)));
  const add = (panel: PanelState, at = panels.length): void => {
    if (panels.length >= PANELS_MAX) return;
    ids.current.splice(at, 0, `panel${counter.current++}`);
    show([...panels.slice(0, at), panel, ...panels.slice(at)]);
  };
  const remove = (i: number): void => {
    drafts.current.delete(ids.current[i] ?? '');
    ids.current.splice(i, 1);
    show(panels.filter((_, n) => n !== i));
  };
  const move = (i: number, by: -1 | 1): void => {
    const to = i + by;
    if (to < 0 || to >= panels.length) return;
    const next = [...panels];
    [next[i], next[to]] = [next[to]!, next[i]!];
    [ids.current[i], ids.current[to]] = [ids.current[to]!, ids.current[i]!];
    show(next);
    // Two panels of the same query: the address stays, what is typed in them moves.
    redraw((n) => n + 1);
  };
  const runAll = (): void => {
    const typed = panels.map((panel, i) => ({ ...panel, expr: draftOf(ids.current[i]!).current }));
    show(typed);
    setRound((n) => n + 1);
  };
  const latest = useRef(runAll);
  latest.current = runAll;
  useRefresh(() => setRound((n) => n + 1));
  useEffect(refreshStores, []);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        latest.current();
      } else if (
        event.key === 'e' &&
        !event.ctrlKey &&
        !event.metaKey &&
        !event.altKey &&
        !event.defaultPrevented &&
        !isTyping(event)
      ) {
        const host = document.querySelector('.editor-host');
        const field =
          host?.shadowRoot?.querySelector<HTMLElement>('.cm-content') ??
          document.querySelector<HTMLElement>('.expression textarea');
        event.preventDefault();
        field?.focus();
      }
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);

  const base = panels[panels.length - 1] ?? newPanel(defaults);
  return (
    <>
      <h1 class="visually-hidden">Query</h1>
      {Math.abs(skew) > SKEW_MAX_MS && (
        <p class="notice partial" role="status">
          <Icon name="warn" /> The clock of this browser and that of the server differ by{' '}
          {formatAge(skew)}: “now” may miss the newest samples.
        </p>
      )}
      <div class="page-line">
        <button
          type="button"
          class="ghost add-panel"
          disabled={panels.length >= PANELS_MAX}
          title={panels.length >= PANELS_MAX ? `At most ${PANELS_MAX} panels` : ''}
          onClick={() => add({ ...base, expr: '' })}
        >
          <Icon name="plus" size={14} /> Add panel
        </button>
        <label class="check">
          <Icon name="refresh" size={14} /> <span class="visually-hidden">Refresh</span>
          <select
            aria-label="Refresh"
            value={interval}
            onChange={(event) =>
              refresh.set(event.currentTarget.value as (typeof INTERVALS)[number])
            }
          >
            {INTERVALS.map((one) => (
              <option key={one} value={one}>
                {one === 'off' ? 'No refresh' : `Every ${one}`}
              </option>
            ))}
          </select>
        </label>
        {panels.length > 1 && (
          <button type="button" onClick={runAll} title="Ctrl+Enter">
            <Icon name="play" size={12} /> Run all
          </button>
        )}
        <EditorMenu />
      </div>
      {panels.map((panel, i) => (
        <Panel
          key={ids.current[i]}
          id={ids.current[i]!}
          draft={draftOf(ids.current[i]!)}
          panel={panel}
          config={config}
          round={round}
          count={panels.length}
          onChange={(changes) => change(i, changes)}
          onDuplicate={() => add(panel, i + 1)}
          onMove={panels.length > 1 ? (by) => move(i, by) : null}
          onRemove={() => remove(i)}
        />
      ))}
    </>
  );
}
