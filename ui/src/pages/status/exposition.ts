// The text format of /metrics, as much as a page of facts needs: gauges and counters.

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const PAIR = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** What cannot be read is passed over. */
export function parseSamples(text: string): Sample[] {
  const out: Sample[] = [];
  for (const line of text.split('\n')) {
    const match = line.startsWith('#') ? null : LINE.exec(line);
    if (!match) continue;
    const [, name = '', inside = '', number = ''] = match;
    const labels: Record<string, string> = {};
    for (const [, key = '', value = ''] of inside.matchAll(PAIR)) {
      labels[key] = value.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c));
    }
    const value = Number(number.replace(/^([-+]?)Inf$/, '$1Infinity'));
    if (!Number.isNaN(value) || number === 'NaN') out.push({ name, labels, value });
  }
  return out;
}
