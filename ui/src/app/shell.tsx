// What surrounds every page: navigation, zone, theme, help.
import { useEffect, useState } from 'preact/hooks';
import type { UiConfig } from '../api/config';
import { Check, Dialog, Menu } from '../components/controls';
import { Icon, type IconName } from '../components/icon';
import { useStore } from '../lib/store';
import { zoneName } from '../lib/time';
import { helpOpen, keyTable } from './keyboard';
import { shortcuts, type Theme, theme, timeZone } from './preferences';
import { navigationOf, type NavEntry } from './routes';
import { usePlace } from './router';

const themes: readonly { value: Theme; text: string; icon: IconName }[] = [
  { value: 'system', text: 'System', icon: 'screen' },
  { value: 'light', text: 'Light', icon: 'sun' },
  { value: 'dark', text: 'Dark', icon: 'moon' },
];

function ThemeButton() {
  const chosen = useStore(theme);
  const at = themes.findIndex(({ value }) => value === chosen);
  const now = themes[at] ?? themes[0]!;
  const next = themes[(at + 1) % themes.length]!;
  return (
    <button
      type="button"
      class="ghost icon-only"
      aria-label={`Colours: ${now.text}. Switch to ${next.text}`}
      title={`Colours: ${now.text}`}
      onClick={() => theme.set(next.value)}
    >
      <Icon name={now.icon} />
    </button>
  );
}

function zones(): string[] {
  try {
    return Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC');
  } catch {
    return [];
  }
}

function isZone(name: string): boolean {
  try {
    return name.includes('/') && Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

function ZoneMenu() {
  const chosen = useStore(timeZone);
  const [filter, setFilter] = useState('');
  const needle = filter.toLowerCase().replaceAll(' ', '_');
  const listed = zones().filter((zone) => zone.toLowerCase().includes(needle));
  // Zones have more names than are listed: Asia/Kolkata is listed as Asia/Calcutta.
  const typed = filter.trim().replaceAll(' ', '_');
  const found = listed.length === 0 && isZone(typed) ? [typed] : listed;
  const pick = (zone: string, close: () => void) => (
    <button
      type="button"
      key={zone}
      class="item"
      aria-pressed={zone === chosen}
      onClick={() => {
        timeZone.set(zone);
        close();
      }}
    >
      {zone === 'local' ? `Browser (${zoneName('local')})` : zone}
    </button>
  );
  return (
    <Menu
      class="ghost zone"
      align="right"
      label="Time zone:"
      button={
        <>
          <Icon name="clock" size={14} /> <span class="zone-name">{zoneName(chosen)}</span>
        </>
      }
    >
      {(close) => (
        <>
          <input
            type="search"
            placeholder="Find a zone"
            aria-label="Find a zone"
            value={filter}
            onInput={(event) => setFilter(event.currentTarget.value)}
          />
          <div class="menu-scroll">
            {!needle && pick('UTC', close)}
            {!needle && pick('local', close)}
            {found.slice(0, 200).map((zone) => pick(zone, close))}
          </div>
        </>
      )}
    </Menu>
  );
}

function Nav({ entries, path }: { entries: NavEntry[]; path: string }) {
  const here =
    path === ''
      ? entries[0]?.path
      : path === 'query'
        ? 'graph'
        : path === 'tsdb-status'
          ? 'cardinality'
          : path;
  return (
    <>
      {entries.map((one) => (
        <a key={one.path} href={one.path} aria-current={one.path === here ? 'page' : undefined}>
          {one.title}
        </a>
      ))}
    </>
  );
}

function Help({ onClose }: { onClose: () => void }) {
  const on = useStore(shortcuts);
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <Check label="Shortcuts of one key" checked={on} onChange={shortcuts.set} />
      <table class="keys">
        <tbody>
          {keyTable.map(([keys, what]) => (
            <tr key={keys}>
              <td>
                {keys.split(' ').map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </td>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Dialog>
  );
}

export function Header({ config }: { config: UiConfig }) {
  const { path } = usePlace();
  const [open, setOpen] = useState(false);
  const help = useStore(helpOpen);
  const entries = navigationOf(config.component);
  useEffect(() => setOpen(false), [path]);
  return (
    <header class="top">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById('main')?.focus();
        }}
      >
        Skip to content
      </a>
      <button
        type="button"
        class="ghost icon-only burger"
        aria-label="Navigation"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <Icon name="menu" />
      </button>
      <a class="brand" href="./" title={config.version ? `Thanos ${config.version}` : 'Thanos'}>
        <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M6 22 12 12l5 7 4-9 5 12" />
        </svg>
        Thanos <span class="role">{config.component}</span>
      </a>
      <nav class={open ? 'open' : ''} aria-label="Pages">
        <Nav entries={entries} path={path} />
      </nav>
      <div class="top-tools">
        <ZoneMenu />
        <ThemeButton />
        <button
          type="button"
          class="ghost icon-only"
          aria-label="Keyboard shortcuts"
          title="Keyboard (?)"
          onClick={() => helpOpen.set(true)}
        >
          <Icon name="help" />
        </button>
      </div>
      {help && <Help onClose={() => helpOpen.set(false)} />}
    </header>
  );
}
