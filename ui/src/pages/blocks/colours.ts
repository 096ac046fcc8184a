// The colours of the timeline, read from the theme when it changes.

export interface Colours {
  text: string;
  muted: string;
  grid: string;
  lane: string;
  bad: string;
  warn: string;
  sign: string;
  hatch: string;
  font: string;
  /** By level, from 1 on. */
  levels: string[];
}

export function readColours(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: of('--text'),
    muted: of('--muted'),
    grid: of('--grid'),
    lane: of('--sunken'),
    bad: of('--bad'),
    warn: of('--warn-line'),
    sign: of('--block-sign'),
    hatch: of('--block-hatch'),
    font: style.fontFamily,
    levels: [1, 2, 3, 4, 5, 6].map((level) => of(`--level-${level}`)),
  };
}
