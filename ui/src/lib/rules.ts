// Rules and alerts as /api/v1/rules tells of them.

export interface Alert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  state: AlertState;
  activeAt?: string;
  value: string;
  partialResponseStrategy?: string;
}

export type AlertState = 'firing' | 'pending' | 'inactive' | 'unknown';

export interface Rule {
  type: 'alerting' | 'recording';
  name: string;
  query: string;
  labels: Record<string, string>;
  health: string;
  lastError?: string;
  /** Seconds. */
  evaluationTime: number;
  lastEvaluation: string;
  // Of alerting rules.
  state?: AlertState;
  duration?: number;
  keepFiringFor?: number;
  annotations?: Record<string, string>;
  alerts?: Alert[];
}

export interface RuleGroup {
  name: string;
  file: string;
  rules: Rule[];
  /** Seconds. */
  interval: number;
  evaluationTime: number;
  lastEvaluation: string;
  limit: number;
  partialResponseStrategy: string;
}

export interface RulesAnswer {
  groups: RuleGroup[] | null;
}

export interface PlacedRule {
  rule: Rule;
  group: RuleGroup;
  /** Tells rules of the same name apart. */
  key: string;
}

export function placedRules(answer: RulesAnswer): PlacedRule[] {
  return (answer.groups ?? []).flatMap((group, g) =>
    group.rules.map((rule, r) => ({ rule, group, key: `${g}.${r}` })),
  );
}

/** For the address: "<group>/<rule>". */
export const linkKeyOf = ({ rule, group }: PlacedRule): string => `${group.name}/${rule.name}`;

export const stateOf = (rule: Rule): AlertState => rule.state ?? 'unknown';

/** Go's number as people read it: "1.5e+01" to "15". */
export function valueText(value: string): string {
  if (value === '') return '–';
  const number = Number(value);
  return Number.isFinite(number) ? String(number) : value;
}

/** Whether the group should have been evaluated by now: twice its interval and a minute ago. */
export function isStale(group: RuleGroup, lastMs: number, nowMs: number): boolean {
  return lastMs > 0 && group.interval > 0 && nowMs - lastMs > group.interval * 2000 + 60_000;
}
