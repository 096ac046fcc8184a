// What the completion asks the API for: names, labels, values, metadata; answers are kept a while.
import type { PrometheusClient } from '@prometheus-io/codemirror-promql/dist/esm/client/prometheus';
import type { Matcher } from '@prometheus-io/codemirror-promql/dist/esm/types/matcher';
import { labelMatchersToString } from '@prometheus-io/codemirror-promql/dist/esm/parser/matcher';
import { call, type Params } from '../../api/client';

/** What the completion depends on besides the text. */
export interface Surroundings {
  stores: readonly string[];
  tenantHeader: Readonly<Record<string, string>>;
  startMs: number;
  endMs: number;
}

const KEEP_MS = 5 * 60_000;
const ENTRIES_MAX = 256;
/** As many the API is asked for; 100,000 names are some MB. */
const NAMES_MAX = 100_000;

type Cached = { at: number; answer: Promise<unknown> };

export class CompletionClient implements PrometheusClient {
  readonly #around: () => Surroundings;
  readonly #cache = new Map<string, Cached>();

  constructor(around: () => Surroundings) {
    this.#around = around;
  }

  // Never throws: without an answer there is nothing to complete, and typing goes on.
  async #ask<T>(path: string, params: Params, fallback: T): Promise<T> {
    const { stores, tenantHeader } = this.#around();
    const all = {
      ...params,
      'storeMatch[]': stores.map((name) => `{__address__=${JSON.stringify(name)}}`),
    };
    const key = JSON.stringify([path, all, tenantHeader]);
    const kept = this.#cache.get(key);
    this.#cache.delete(key);
    if (kept && Date.now() - kept.at < KEEP_MS) {
      this.#cache.set(key, kept);
      return kept.answer as Promise<T>;
    }
    const answer = call<T>(path, { params: all, headers: tenantHeader, timeoutMs: 15_000 }).then(
      ({ data }) => data ?? fallback,
      () => {
        this.#cache.delete(key);
        return fallback;
      },
    );
    // The one not used for longest goes first: a map keeps the order in which keys came.
    if (this.#cache.size >= ENTRIES_MAX) this.#cache.delete(this.#cache.keys().next().value ?? '');
    this.#cache.set(key, { at: Date.now(), answer });
    return answer;
  }

  // Rounded, so that the same question is asked once a minute only.
  #range(): Params {
    const { startMs, endMs } = this.#around();
    return { start: Math.floor(startMs / 60_000) * 60, end: Math.ceil(endMs / 60_000) * 60 };
  }

  #match(metric?: string, matchers?: Matcher[], label?: string): Params {
    if (!metric && !matchers?.length) return {};
    return { 'match[]': [labelMatchersToString(metric ?? '', matchers, label)] };
  }

  async labelNames(metric?: string): Promise<string[]> {
    return this.#ask(
      'api/v1/labels',
      { ...this.#range(), ...this.#match(metric), limit: NAMES_MAX },
      [],
    );
  }

  async labelValues(label: string, metric?: string, matchers?: Matcher[]): Promise<string[]> {
    const path = `api/v1/label/${encodeURIComponent(label)}/values`;
    const params = { ...this.#range(), ...this.#match(metric, matchers, label), limit: NAMES_MAX };
    return this.#ask<string[]>(path, params, []);
  }

  async metricMetadata(): Promise<Record<string, { type: string; help: string }[]>> {
    return this.#ask('api/v1/metadata', {}, {});
  }

  async series(
    metric: string,
    matchers?: Matcher[],
    label?: string,
  ): Promise<Map<string, string>[]> {
    const params = { ...this.#range(), ...this.#match(metric, matchers, label), limit: 1000 };
    const found = await this.#ask<Record<string, string>[]>('api/v1/series', params, []);
    return found as unknown as Map<string, string>[]; // As their own client: plain objects.
  }

  async metricNames(): Promise<string[]> {
    return this.labelValues('__name__');
  }

  async flags(): Promise<Record<string, string>> {
    return {};
  }
}
