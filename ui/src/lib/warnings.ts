// Warnings of the API, read: which stores are missing in a partial answer.

export interface StoreFailure {
  /** Address, or "" where the text names none. */
  store: string;
  message: string;
}

export interface SortedWarnings {
  /** Stores that did not answer (in full). */
  failures: StoreFailure[];
  /** Everything else: hints of PromQL, truncation. */
  notes: string[];
}

const ADDRESS = /(?:\[?[0-9a-fA-F:.]+\]?|[\w.-]+):\d{2,5}\b/;
const FAILED =
  /receive series|fetch (series|label)|store(?:\s+\S+)? (?:is )?(?:unavailable|failed)|no store|rpc error|code = |dial |connection|deadline|unavailable|proxy|partial/i;

export function sortWarnings(warnings: readonly string[]): SortedWarnings {
  const out: SortedWarnings = { failures: [], notes: [] };
  for (const text of warnings) {
    if (/^PromQL (info|warning)/i.test(text) || !FAILED.test(text)) {
      out.notes.push(text);
      continue;
    }
    const named = /Addr: (\S+)/.exec(text)?.[1] ?? ADDRESS.exec(text)?.[0] ?? '';
    out.failures.push({ store: named, message: text });
  }
  return out;
}
