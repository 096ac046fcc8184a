// Expressions that were run, newest first, in this browser only.
import { createPreference, isBoolean } from '../../lib/store';

const COUNT_MAX = 100;
/** Longer ones are not kept: storage is small. */
const LENGTH_MAX = 20_000;

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');

export const keepHistory = createPreference<boolean>('history.on', true, isBoolean);
export const history = createPreference<string[]>('history', [], isTexts);

/** `list` with `expr` at its head. */
export function remembered(list: readonly string[], expr: string): string[] {
  const text = expr.trim();
  if (text === '' || text.length > LENGTH_MAX) return [...list];
  return [text, ...list.filter((one) => one !== text)].slice(0, COUNT_MAX);
}

export function remember(expr: string): void {
  if (keepHistory.get()) history.set(remembered(history.get(), expr));
}
