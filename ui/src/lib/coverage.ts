// Which times endpoints cover, and where nothing does. Times are milliseconds.

export interface Span {
  from: number;
  to: number;
}

/** The union of spans, in order. */
export function unionOf(spans: readonly Span[]): Span[] {
  const ordered = spans.filter(({ from, to }) => from < to).sort((a, b) => a.from - b.from);
  const out: Span[] = [];
  for (const { from, to } of ordered) {
    const last = out.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else out.push({ from, to });
  }
  return out;
}

/** What lies between the parts of a union. */
export function holesIn(union: readonly Span[]): Span[] {
  return union.slice(1).map((span, i) => ({ from: union[i]!.to, to: span.from }));
}

const HOUR = 3_600_000;
const STEPS = [
  60_000,
  300_000,
  900_000,
  1_800_000,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  24 * HOUR,
  48 * HOUR,
  96 * HOUR,
  7 * 24 * HOUR,
  14 * 24 * HOUR,
  30 * 24 * HOUR,
  91 * 24 * HOUR,
  365 * 24 * HOUR,
  5 * 365 * 24 * HOUR,
];

/** Round times inside a span, at most `most` of them; whole days and hours in UTC. */
export function ticksIn({ from, to }: Span, most: number): number[] {
  const step = STEPS.find((one) => (to - from) / one <= most) ?? (to - from) / most;
  const out: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to && out.length <= most; at += step)
    out.push(at);
  return out;
}
