// The filter boxes of lists: words that must all be found, `name=value` for a label.

export type Labels = Readonly<Record<string, string>>;

/** A predicate for what was typed; an empty text lets everything pass. */
export function matcherOf(
  text: string,
): (texts: readonly string[], labels?: readonly Labels[]) => boolean {
  const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return (texts, labels = []) =>
    words.every((word) => {
      if (texts.some((one) => one.toLowerCase().includes(word))) return true;
      const equals = word.indexOf('=');
      const name = equals > 0 ? word.slice(0, equals) : '';
      const value = equals > 0 ? word.slice(equals + 1).replaceAll('"', '') : word;
      return labels.some((set) =>
        Object.entries(set).some(([key, held]) =>
          equals > 0
            ? key.toLowerCase() === name && held.toLowerCase().includes(value)
            : key.toLowerCase().includes(word) || held.toLowerCase().includes(word),
        ),
      );
    });
}

/** `{a="b"}` as PromQL has it: quoted where the name needs it. */
export function selectorOf(labels: Labels): string {
  const { __name__: metric = '', ...rest } = labels;
  const plain = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
  const quote = (text: string): string => JSON.stringify(text);
  const parts = Object.entries(rest).map(
    ([name, value]) =>
      `${/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) ? name : quote(name)}=${quote(value)}`,
  );
  if (metric && !plain.test(metric)) parts.unshift(quote(metric));
  const name = plain.test(metric) ? metric : '';
  return parts.length > 0 || !name ? `${name}{${parts.join(', ')}}` : name;
}

/** Milliseconds of an RFC 3339 text; 0 for Go's zero time and for what is none. */
export function timeOf(text: string | null | undefined): number {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) || ms < 0 ? 0 : ms;
}

/** Only http and https become links. */
export function safeLink(text: string): string | null {
  try {
    const { protocol, href } = new URL(text);
    return protocol === 'http:' || protocol === 'https:' ? href : null;
  } catch {
    return null;
  }
}
