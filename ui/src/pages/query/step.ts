// The distance of points of a graph.
import type { Density, Resolution } from './url_state';

// Seconds that a cache of answers likes: few, and each day is a multiple of them.
const FRIENDLY_S = [
  1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
];
const DAY_S = 86_400;
const POINTS: Record<Density, number> = { low: 100, medium: 250, high: 750 };
/** What the API answers at most. */
export const POINTS_MAX = 11_000;

/** Milliseconds. `defaultStep` of the server, seconds, is the least that is chosen by itself. */
export function stepOf(resolution: Resolution, rangeMs: number, defaultStep: number): number {
  if ('stepMs' in resolution) return resolution.stepMs;
  const wanted = Math.max(
    Math.floor(rangeMs / 1000 / POINTS[resolution.density]),
    defaultStep > 0 ? defaultStep : 1,
  );
  const friendly = FRIENDLY_S.find((seconds) => seconds >= wanted);
  return (friendly ?? Math.ceil(wanted / DAY_S) * DAY_S) * 1000;
}

/** null, or why the API would refuse. */
export function stepProblem(stepMs: number, rangeMs: number): string | null {
  if (!(stepMs > 0)) return 'The step must be more than nothing.';
  const points = Math.floor(rangeMs / stepMs);
  if (points <= POINTS_MAX) return null;
  return `${points.toLocaleString('en-US')} points a series; the server answers at most 11,000.`;
}

const RANGES_S = [
  1, 10, 60, 300, 900, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 1209600, 2419200,
  4838400, 15724800, 31536000, 63072000,
];

/** The next range down or up, as the − and + beside it go. */
export function neighbourRange(rangeMs: number, direction: -1 | 1): number {
  const seconds = rangeMs / 1000;
  const found =
    direction < 0
      ? [...RANGES_S].reverse().find((one) => one < seconds)
      : RANGES_S.find((one) => one > seconds);
  return (found ?? seconds) * 1000;
}
