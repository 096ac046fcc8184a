// Shortcuts of the whole application. Single keys do nothing while a text field has the focus.
import { createStore } from '../lib/store';
import { shortcuts } from './preferences';
import type { NavEntry } from './routes';
import { navigate } from './router';

export const helpOpen = createStore(false);

export const keyTable: readonly (readonly [string, string])[] = [
  ['Enter', 'Run the query'],
  ['Shift+Enter', 'New line'],
  ['Ctrl+Enter', 'Run all panels'],
  ['Ctrl+Space', 'Complete'],
  ['Ctrl+Shift+F', 'Format the query'],
  ['Ctrl+↑ Ctrl+↓', 'Earlier and later queries'],
  ['Esc', 'Cancel the running query, close, leave the editor'],
  ['/', 'To the filter'],
  ['e', 'To the editor'],
  [
    'g q',
    'Query; also g and e a r t m c u s f: Endpoints, Alerts, Rules, Targets, Metrics, Cardinality, Queries, Status, Flags',
  ],
  ['g b', 'Blocks'],
  ['← →', 'On a chart: a quarter of the range back and on'],
  ['+ -', 'On a chart: nearer, farther'],
  ['0', 'On a chart: back to the first range'],
  ['l s y t', 'On a chart: legend, stacked, from zero, table'],
  ['?', 'This list'],
];

/** Whether keys typed now are text. Looks into shadow roots: the editor lives in one. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement) return true;
  if (target instanceof HTMLSelectElement) return true;
  const buttons = ['checkbox', 'radio', 'button', 'submit', 'range'];
  return target instanceof HTMLInputElement && !buttons.includes(target.type);
}

const isPlain = (event: KeyboardEvent): boolean =>
  !event.ctrlKey && !event.metaKey && !event.altKey && !event.isComposing;

/** Listens until the page goes away. `entries` says where `g` and a letter lead. */
export function listenToKeys(entries: () => NavEntry[]): void {
  let goUntil = 0;
  addEventListener('keydown', (event) => {
    if (event.defaultPrevented || !shortcuts.get() || !isPlain(event) || isTyping(event)) return;
    if (document.querySelector('dialog[open]')) return;
    const going = performance.now() < goUntil;
    goUntil = 0;
    const entry = going ? entries().find(({ key }) => key === event.key) : undefined;
    if (entry) {
      navigate(entry.path);
    } else if (event.key === 'g' && !going) {
      goUntil = performance.now() + 1500;
      return;
    } else if (event.key === '/') {
      document.querySelector<HTMLElement>('main [data-filter]')?.focus();
    } else if (event.key === '?') {
      helpOpen.set(true);
    } else {
      return;
    }
    event.preventDefault();
  });
}
