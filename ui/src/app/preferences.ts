// What this browser remembers: look, zone, shortcuts.
import { createPreference, isBoolean, isString, oneOf } from '../lib/store';

export type Theme = 'system' | 'light' | 'dark';
export const theme = createPreference<Theme>('theme', 'system', oneOf('system', 'light', 'dark'));

/** "UTC", "local", or the name of an IANA zone. */
export const timeZone = createPreference<string>('timezone', 'UTC', isString);

/** Single-key shortcuts can be switched off (WCAG 2.1.4). */
export const shortcuts = createPreference<boolean>('shortcuts', true, isBoolean);

/** Whether dark colours are shown now. */
export function isDark(): boolean {
  const chosen = theme.get();
  if (chosen !== 'system') return chosen === 'dark';
  return matchMedia('(prefers-color-scheme: dark)').matches;
}

/** Calls back when the colours change; answers how to stop. */
export function onThemeChange(listener: () => void): () => void {
  const media = matchMedia('(prefers-color-scheme: dark)');
  media.addEventListener('change', listener);
  const stop = theme.subscribe(listener);
  return () => {
    media.removeEventListener('change', listener);
    stop();
  };
}

// What the colours of theme/tokens.css go by.
function applyTheme(): void {
  document.documentElement.dataset['theme'] = isDark() ? 'dark' : 'light';
}

// Unit tests have no document.
if (typeof document !== 'undefined') {
  applyTheme();
  onThemeChange(applyTheme);
}
