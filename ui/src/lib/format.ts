// Numbers as text.

const SI: readonly (readonly [number, string])[] = [
  [1e24, 'Y'],
  [1e21, 'Z'],
  [1e18, 'E'],
  [1e15, 'P'],
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
  [1e-6, 'µ'],
  [1e-9, 'n'],
];

/** Short, for axes and legends: "12.5k", "0.25", "3.2µ". NaN and infinities as the API writes them. */
export function formatSi(value: number, digits = 4): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e27 || size < 1e-12) return value.toExponential(2);
  // "0.25" is read faster than "250m".
  if (size < 1 && size >= 1e-3) return String(Number(value.toPrecision(digits)));
  for (const [scale, unit] of SI) {
    if (size >= scale * 0.999999999) return Number((value / scale).toPrecision(digits)) + unit;
  }
  return Number((value / 1e-12).toPrecision(digits)) + 'p';
}

/** "1.5 GiB" */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < units.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${unit === 0 ? value : Number(value.toPrecision(value >= 1000 ? 4 : 3))} ${units[unit]}`;
}

/** "1,234,567" */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** "1 store", "2 stores" */
export function plural(count: number, one: string, many = one + 's'): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Seconds as people read them: "340 ms", "1.25 s". */
export function formatTook(ms: number): string {
  if (ms < 1) return `${Number((ms * 1000).toPrecision(3))} µs`;
  return ms < 1000 ? `${Number(ms.toPrecision(3))} ms` : `${Number((ms / 1000).toPrecision(3))} s`;
}
