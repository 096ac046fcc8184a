// Rows in the order that an address names.

export type Value = string | number;

/** Rows in the order of `sort`, "name" or "-name"; columns say what a row is compared by. */
export function sorted<T>(
  rows: readonly T[],
  sort: string,
  columns: Readonly<Record<string, (row: T) => Value>>,
): T[] {
  const down = sort.startsWith('-');
  const valueOf = columns[down ? sort.slice(1) : sort];
  if (!valueOf) return [...rows];
  const compare = (a: T, b: T): number => {
    const x = valueOf(a);
    const y = valueOf(b);
    if (typeof x === 'number' && typeof y === 'number') return x - y;
    return String(x).localeCompare(String(y), 'en', { numeric: true });
  };
  return [...rows].sort((a, b) => (down ? compare(b, a) : compare(a, b)));
}
