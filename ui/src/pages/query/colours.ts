// Colours of series: chosen by a hash of the labels, so that a series keeps its colour from run to
// run; at least 3:1 against the background; neighbours differ also for the colour-blind.
export interface Stroke {
  colour: string;
  dash: number[];
}

// prettier-ignore
export const LIGHT = [
  '#5b3fd0', '#c2410c', '#0f766e', '#be185d', '#1d4ed8', '#7a5c00', '#15803d', '#b91c1c',
  '#0e7490', '#9333ea', '#4d7c0f', '#7c4a2d', '#1f2937', '#64748b', '#0284c7', '#c026d3',
];
// prettier-ignore
export const DARK = [
  '#a593ff', '#ff9f5a', '#4fd6c3', '#ff86b8', '#7fb0ff', '#e3c04f', '#6fdc8c', '#ff7b72',
  '#59d0ec', '#d39bff', '#b5d651', '#d2a679', '#e0e0e8', '#8f9bb3', '#5c8cff', '#e05fd0',
];
const DASHES = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/** FNV-1a, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; ++i) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

/** One stroke per name, no two alike among the first 64. */
export function strokesOf(names: readonly string[], dark: boolean): Stroke[] {
  const palette = dark ? DARK : LIGHT;
  const size = palette.length * DASHES.length;
  const taken = new Set<number>();
  return names.map((name) => {
    // Whole lines first: a dash pattern only when the colours are used up.
    let slot = hashText(name) % palette.length;
    const first = slot;
    let dash = 0;
    while (taken.has(slot + dash * palette.length) && taken.size < size) {
      slot = (slot + 1) % palette.length;
      if (slot === first) dash = (dash + 1) % DASHES.length;
    }
    taken.add(slot + dash * palette.length);
    if (taken.size >= size) taken.clear();
    return { colour: palette[slot] ?? palette[0]!, dash: DASHES[dash] ?? [] };
  });
}
