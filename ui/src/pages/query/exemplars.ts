// Exemplars: single measured values with a trace behind them.
import { type Labels, numberOf } from './result';

interface RawExemplars {
  seriesLabels?: Labels;
  exemplars?: { labels?: Labels; value?: string; timestamp?: number }[];
}

export interface Exemplar {
  seriesLabels: Labels;
  labels: Labels;
  value: number;
  /** Seconds. */
  at: number;
}

/** More are thinned out: of each moment the greatest stay. */
export const EXEMPLARS_MAX = 500;

/** What of an answer can be drawn, sorted by time. */
export function exemplarsOf(data: unknown): Exemplar[] {
  const out: Exemplar[] = [];
  for (const one of Array.isArray(data) ? (data as RawExemplars[]) : []) {
    for (const { labels = {}, value = '', timestamp } of one?.exemplars ?? []) {
      const number = numberOf(value);
      if (typeof timestamp !== 'number' || !Number.isFinite(number)) continue;
      out.push({ seriesLabels: one.seriesLabels ?? {}, labels, value: number, at: timestamp });
    }
  }
  const kept =
    out.length > EXEMPLARS_MAX
      ? out.sort((a, b) => b.value - a.value).slice(0, EXEMPLARS_MAX)
      : out;
  return kept.sort((a, b) => a.at - b.at);
}

const TRACE_LABELS = ['trace_id', 'traceID', 'traceId', 'TraceID'];

export function traceIdOf(labels: Labels): string {
  return TRACE_LABELS.map((name) => labels[name]).find(Boolean) ?? '';
}

/** The address of a trace from a template with {traceID}; "" unless it is http or https. */
export function traceHref(template: string, traceId: string): string {
  if (!template || !traceId) return '';
  const href = template.replaceAll('{traceID}', encodeURIComponent(traceId));
  return /^https?:\/\//i.test(href) ? href : '';
}
