// The query page: panels, all in the address.
import { useEffect, useRef } from 'preact/hooks';
import { clockSkewMs } from '../../api/config';
import { isTyping } from '../../app/keyboard';
import { shortcuts } from '../../app/preferences';
import type { PageProps } from '../../app/routes';
import { Check, Menu } from '../../components/controls';
import { Icon } from '../../components/icon';
import { createPreference, oneOf, useStore } from '../../lib/store';
import { formatAge } from '../../lib/time';
import { completionOn, linterOn } from './editor';
import { Panel } from './panel';
import './query.css';
import { refreshStores } from './stores';
import { newPanel, PANELS_MAX } from './url_state';
import { usePanels } from './use_panels';
import { isAnyRunning } from './use_run';

const INTERVALS = ['off', '5s', '10s', '30s', '1m', '5m'] as const;
type Interval = (typeof INTERVALS)[number];
const LENGTH_MS: Record<Interval, number> = {
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
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible' && !isAnyRunning()) act();
    }, every);
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
      <Check label="Complete while typing" checked={completion} onChange={completionOn.set} />
      <Check label="Check while typing" checked={linter} onChange={linterOn.set} />
    </Menu>
  );
}

// Ctrl+Enter runs all, `e` goes to the first editor.
function usePageKeys(runAll: () => void): void {
  const latest = useRef(runAll);
  latest.current = runAll;
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      const control = event.ctrlKey || event.metaKey;
      if (event.key === 'Enter' && control) latest.current();
      else if (event.key === 'e' && !control && mayBeShortcut(event)) focusEditor();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
}

// After `g` the letter is taken already, and the event prevented.
const mayBeShortcut = (event: KeyboardEvent): boolean =>
  shortcuts.get() && !event.altKey && !event.defaultPrevented && !isTyping(event);

function focusEditor(): void {
  const host = document.querySelector('.editor-host');
  const field =
    host?.shadowRoot?.querySelector<HTMLElement>('.cm-content') ??
    document.querySelector<HTMLElement>('.expression textarea');
  field?.focus();
}

function SkewWarning() {
  const skew = useStore(clockSkewMs);
  if (Math.abs(skew) <= SKEW_MAX_MS) return null;
  return (
    <p class="notice partial" role="status">
      <Icon name="warn" /> The clock of this browser and that of the server differ by{' '}
      {formatAge(skew)}: “now” may miss the newest samples.
    </p>
  );
}

function RefreshMenu() {
  const interval = useStore(refresh);
  return (
    <label class="check">
      <Icon name="refresh" size={14} /> <span class="visually-hidden">Refresh</span>
      <select
        aria-label="Refresh"
        value={interval}
        onChange={(event) => refresh.set(event.currentTarget.value as Interval)}
      >
        {INTERVALS.map((one) => (
          <option key={one} value={one}>
            {one === 'off' ? 'No refresh' : `Every ${one}`}
          </option>
        ))}
      </select>
    </label>
  );
}

export default function QueryPage({ config, params, path }: PageProps) {
  const defaults = {
    partial: config.partialResponseDefault,
    engine: config.defaultEngine,
    tenant: '',
  };
  const all = usePanels(params, path, defaults);
  const { panels, ids } = all;
  useRefresh(all.refresh);
  usePageKeys(all.runAll);
  useEffect(refreshStores, []);
  const full = panels.length >= PANELS_MAX;
  const last = panels[panels.length - 1] ?? newPanel(defaults);
  return (
    <>
      <h1 class="visually-hidden">Query</h1>
      <SkewWarning />
      <div class="page-line">
        <button
          type="button"
          class="ghost add-panel"
          disabled={full}
          title={full ? `At most ${PANELS_MAX} panels` : ''}
          onClick={() => all.add({ ...last, expr: '' })}
        >
          <Icon name="plus" size={14} /> Add panel
        </button>
        <RefreshMenu />
        {panels.length > 1 && (
          <button type="button" onClick={all.runAll} title="Ctrl+Enter">
            <Icon name="play" size={12} /> Run all
          </button>
        )}
        <EditorMenu />
      </div>
      {panels.map((panel, i) => (
        <Panel
          key={ids[i]}
          id={ids[i]!}
          draft={all.draftOf(ids[i]!)}
          panel={panel}
          config={config}
          round={all.round}
          count={panels.length}
          onChange={(changes) => all.change(i, changes)}
          onDuplicate={() => all.add(panel, i + 1)}
          onMove={panels.length > 1 ? (by) => all.move(i, by) : null}
          onRemove={() => all.remove(i)}
        />
      ))}
    </>
  );
}
