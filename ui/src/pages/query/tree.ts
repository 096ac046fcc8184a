// An expression as a tree of its parts, each of which can be run by itself.
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

export interface TreeNode {
  /** 0, 0.1, …: the place in the tree. */
  path: string;
  depth: number;
  /** The whole part, as it was written. */
  text: string;
  /** What it does, without the parts below. */
  title: string;
  /** Selects a range: it is run as its last value, a range cannot be counted. */
  range: boolean;
  leaf: boolean;
}

/** More are not shown: an expression of this many parts is no longer read as a tree. */
export const NODES_MAX = 100;

const INNER = new Set(['AggregateExpr', 'BinaryExpr', 'FunctionCall', 'UnaryExpr', 'SubqueryExpr']);
const LEAVES = new Set(['VectorSelector', 'MatrixSelector']);
const RANGES = new Set(['MatrixSelector', 'SubqueryExpr']);
// Parts of a part: what is written around a selector belongs to it.
const AROUND = new Set(['OffsetExpr', 'StepInvariantExpr', 'AnchoredExpr', 'SmoothedExpr']);

interface Part {
  node: SyntaxNode;
  /** Where it ends; behind the node's own end when something written behind belongs to it. */
  to: number;
}

// The parts that a node consists of; parentheses are seen through.
function childrenOf(node: SyntaxNode): Part[] {
  const out: Part[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (INNER.has(child.name) || LEAVES.has(child.name) || AROUND.has(child.name))
      out.push({ node: child, to: child.to });
    else if (child.name === 'ParenExpr' || child.name === 'FunctionCallBody')
      out.push(...childrenOf(child));
  }
  return out;
}

// The grammar reads `a / b offset 1h` as `(a / b) offset 1h`; PromQL as `a / (b offset 1h)`.
function partsOf({ node, to }: Part): Part[] {
  const out = childrenOf(node);
  const last = out[out.length - 1];
  const operator = node.name === 'BinaryExpr' || node.name === 'UnaryExpr';
  if (operator && last && to > node.to) last.to = to;
  return out;
}

// The expression inside of offsets and the like, with what is written around it.
function coreOf({ node, to }: Part): Part {
  if (!AROUND.has(node.name)) return { node, to };
  const inner = childrenOf(node);
  return inner.length === 1 ? coreOf({ node: inner[0]!.node, to }) : { node, to };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

// The text of a node with "…" where its parts are.
function titleOf({ node, to }: Part, parts: readonly Part[], expr: string): string {
  let out = '';
  let at = node.from;
  for (const part of parts) {
    out += expr.slice(at, part.node.from) + '…';
    at = part.to;
  }
  const text = oneLine(out + expr.slice(at, to));
  // Parentheses around an operand are of no interest.
  return node.name === 'BinaryExpr'
    ? text.replace(/\(\s*…\s*\)/g, '…')
    : text.replace(/\(\s*\(?…\)?\s*\)/g, '(…)');
}

/** The parts of an expression, each before those below; none when it does not parse. */
export function queryTree(expr: string): TreeNode[] {
  const out: TreeNode[] = [];
  const tree = parser.parse(expr);
  let broken = false;
  tree.iterate({
    enter: (node) => {
      broken ||= node.type.isError;
    },
  });
  if (broken) return [];
  const visit = (part: Part, depth: number, path: string): void => {
    if (out.length >= NODES_MAX) return;
    const core = coreOf(part);
    const inner = INNER.has(core.node.name) ? partsOf(core) : [];
    const text = expr.slice(part.node.from, part.to);
    const title = inner.length > 0 ? titleOf(core, inner, expr) : oneLine(text);
    out.push({
      path,
      depth,
      text,
      title,
      range: RANGES.has(core.node.name),
      leaf: inner.length === 0,
    });
    inner.forEach((one, i) => visit(one, depth + 1, `${path}.${i}`));
  };
  childrenOf(tree.topNode).forEach((one, i) => visit(one, 0, String(i)));
  if (
    out.length === 0 &&
    tree.topNode
      .getChildren('NumberDurationLiteral')
      .concat(tree.topNode.getChildren('StringLiteral')).length > 0
  ) {
    out.push({
      path: '0',
      depth: 0,
      text: oneLine(expr),
      title: oneLine(expr),
      range: false,
      leaf: true,
    });
  }
  return out;
}

/** What is run for a node: a range by its last values. */
export const runnable = (node: TreeNode): string =>
  node.range ? `last_over_time(${node.text})` : node.text;
