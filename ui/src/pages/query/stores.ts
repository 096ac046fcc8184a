// The stores behind the querier: for the filter, and to tell why an answer may be empty.
import { call } from '../../api/client';
import { createStore } from '../../lib/store';

export interface StoreInfo {
  name: string;
  type: string;
  up: boolean;
  minMs: number;
  maxMs: number;
  labels: string;
}

interface RawStore {
  name?: unknown;
  lastError?: unknown;
  minTime?: unknown;
  maxTime?: unknown;
  labelSets?: unknown;
}

/** null until they are known. */
export const knownStores = createStore<StoreInfo[] | null>(null);

const labelText = (sets: unknown): string =>
  (Array.isArray(sets) ? sets : [])
    .map((set) =>
      Object.entries((set ?? {}) as object)
        .map(([k, v]) => `${k}=${String(v)}`)
        .join(' '),
    )
    .join(' | ');

export function readStores(data: unknown): StoreInfo[] {
  if (typeof data !== 'object' || data === null) return [];
  return Object.entries(data).flatMap(([type, list]) =>
    (Array.isArray(list) ? (list as RawStore[]) : []).map((one) => ({
      name: String(one.name ?? ''),
      type,
      up: one.lastError === null || one.lastError === undefined || one.lastError === '',
      minMs: Number(one.minTime ?? NaN),
      maxMs: Number(one.maxTime ?? NaN),
      labels: labelText(one.labelSets),
    })),
  );
}

let asked = 0;
const AGAIN_MS = 15_000;

/** Asks once in a while; without an answer the last one stays. */
export function refreshStores(): void {
  if (Date.now() - asked < AGAIN_MS) return;
  asked = Date.now();
  call<unknown>('api/v1/stores', { timeoutMs: 15_000 }).then(
    ({ data }) => knownStores.set(readStores(data)),
    () => undefined,
  );
}

/** The least and greatest time that stores have, where they say; null when none does. */
export function coverageOf(stores: readonly StoreInfo[]): { minMs: number; maxMs: number } | null {
  // Sentinels of "no limit" lie far outside of what a date can be.
  const times = stores.filter(({ minMs, maxMs }) => minMs < maxMs);
  if (times.length === 0) return null;
  return {
    minMs: Math.min(...times.map(({ minMs }) => minMs)),
    maxMs: Math.max(...times.map(({ maxMs }) => maxMs)),
  };
}
