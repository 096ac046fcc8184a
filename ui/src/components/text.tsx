// Texts from outside: where a whole text is a web address it becomes a link, and nothing else does.
import { safeLink } from '../lib/match';

export function LinkedText({ text }: { text: string }) {
  const link = safeLink(text.trim());
  if (!link) return <span class="wrap">{text}</span>;
  return (
    <a class="wrap" href={link} target="_blank" rel="noopener noreferrer">
      {text}
    </a>
  );
}

/** Names and values, as texts. */
export function Facts({
  facts,
}: {
  facts: readonly (readonly [string, preact.ComponentChildren])[];
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
