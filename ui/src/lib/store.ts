// Shared state outside of components: a value, and who wants to know when it changes.
import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
  get(): T;
  set(next: T): void;
  subscribe(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value of a store; the component is drawn again when it changes. */
export function useStore<T>(store: Store<T>): T {
  const [, redraw] = useState(0);
  const value = store.get();
  useEffect(() => {
    // It may have changed between drawing and this effect.
    if (!Object.is(store.get(), value)) redraw((n) => n + 1);
    return store.subscribe(() => redraw((n) => n + 1));
  }, [store]);
  return value;
}

const PREFIX = 'thanos.';

/**
 * A store kept in the browser under `thanos.<key>`. Storage may be blocked, full, or hold what an
 * older version wrote: then the fallback is used, and changes live as long as the page.
 */
export function createPreference<T>(
  key: string,
  fallback: T,
  valid: (value: unknown) => value is T,
): Store<T> {
  let initial = fallback;
  try {
    const text = localStorage.getItem(PREFIX + key);
    const value: unknown = text === null ? undefined : JSON.parse(text);
    if (valid(value)) initial = value;
  } catch {
    // Blocked, or not JSON.
  }
  const store = createStore(initial);
  store.subscribe(() => {
    try {
      localStorage.setItem(PREFIX + key, JSON.stringify(store.get()));
    } catch {
      // Blocked or full.
    }
  });
  return store;
}

export const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
export const isString = (value: unknown): value is string => typeof value === 'string';
export const oneOf =
  <T extends string>(...values: readonly T[]) =>
  (value: unknown): value is T =>
    values.includes(value as T);
