// Editing selectors inside an expression.
import { parser } from '@prometheus-io/lezer-promql';
import { quoteLabel } from './result';

export type MatchOp = '=' | '!=' | '=~' | '!~';

const PLAIN_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

interface Spot {
  /** Of the braces' end, or of the selector's end where there are no braces. */
  at: number;
  text: string;
}

// Where and how `matcher` goes into the selector that reaches from..to, braces at open..close.
function spotOf(
  expr: string,
  to: number,
  braces: { from: number; to: number } | null,
  matcher: string,
): Spot {
  if (!braces) return { at: to, text: `{${matcher}}` };
  const inside = expr.slice(braces.from + 1, braces.to - 1).trim();
  const comma = inside === '' || inside.endsWith(',') ? '' : ', ';
  return { at: braces.to - 1, text: comma + matcher };
}

/**
 * Adds a matcher to every selector of `expr`, instead of one on the same label with the same
 * operator if there is one. Text that does not parse is changed where selectors are recognised.
 */
export function addMatcher(expr: string, label: string, op: MatchOp, value: string): string {
  const name = PLAIN_LABEL.test(label) ? label : quoteLabel(label);
  const matcher = `${name}${op}${quoteLabel(value)}`;
  const spots: Spot[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      if (node.name !== 'VectorSelector') return;
      const braces = node.node.getChild('LabelMatchers');
      const present = braces
        ?.getChildren('UnquotedLabelMatcher')
        .concat(braces.getChildren('QuotedLabelMatcher'))
        .some(
          (one) => expr.slice(one.from, one.to).replace(/\s*(=~|!~|!=|=)\s*/, '$1') === matcher,
        );
      if (!present) spots.push(spotOf(expr, node.to, braces, matcher));
    },
  });
  let out = expr;
  for (const { at, text } of spots.reverse()) out = out.slice(0, at) + text + out.slice(at);
  return out;
}

/** A literal of PromQL as a piece of a pattern: nothing in it is special. */
export function escapePattern(value: string): string {
  return value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Names of the metrics that selectors of `expr` read. */
export function metricsOf(expr: string): string[] {
  const out = new Set<string>();
  parser.parse(expr).iterate({
    enter(node) {
      if (node.name !== 'VectorSelector') return;
      const name = node.node.getChild('Identifier');
      if (name) out.add(expr.slice(name.from, name.to));
    },
  });
  return [...out];
}
