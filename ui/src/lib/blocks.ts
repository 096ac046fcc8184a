// Blocks as /api/v1/blocks tells of them, and what a page shows of many: pure functions over arrays,
// quick for 50,000 blocks.

export interface RawBlock {
  ulid: string;
  minTime: number;
  maxTime: number;
  stats?: { numSamples?: number; numSeries?: number; numChunks?: number; numTombstones?: number };
  compaction?: {
    level?: number;
    sources?: string[] | null;
    parents?: { ulid: string; minTime: number; maxTime: number }[] | null;
    failed?: boolean;
  };
  thanos?: {
    labels?: Record<string, string> | null;
    downsample?: { resolution?: number };
    source?: string;
    files?: { rel_path: string; size_bytes?: number }[] | null;
    index_stats?: Record<string, number>;
  };
}

export interface Mark {
  ulid: string;
  kind: 'deletion' | 'no-compact' | 'no-downsample';
  reason: string;
  details: string;
  /** Seconds since 1970. */
  time: number;
}

export interface Trouble {
  ulid: string;
  state: string;
  reason: string;
}

export interface BlocksAnswer {
  label: string;
  blocks: RawBlock[] | null;
  refreshedAt: string;
  err: string | null;
  troubled?: Trouble[];
  marks?: Mark[];
}

export interface Block {
  ulid: string;
  from: number;
  to: number;
  level: number;
  /** Milliseconds; 0 is raw. */
  resolution: number;
  source: string;
  labels: Record<string, string>;
  series: number;
  samples: number;
  chunks: number;
  /** 0: meta.json does not tell. */
  bytes: number;
  marks: Mark[];
  troubles: Trouble[];
  overlaps: boolean;
  raw: RawBlock;
}

const RESOLUTION_NAMES: Record<number, string> = { 0: 'raw', 300000: '5m', 3600000: '1h' };

export function resolutionName(ms: number): string {
  return RESOLUTION_NAMES[ms] ?? `${ms / 1000}s`;
}

const number = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : 0;

function blockOf(
  raw: RawBlock,
  marks: Map<string, Mark[]>,
  troubles: Map<string, Trouble[]>,
): Block {
  return {
    ulid: String(raw.ulid),
    from: number(raw.minTime),
    to: number(raw.maxTime),
    level: number(raw.compaction?.level),
    resolution: number(raw.thanos?.downsample?.resolution),
    source: raw.thanos?.source ?? '',
    labels: raw.thanos?.labels ?? {},
    series: number(raw.stats?.numSeries),
    samples: number(raw.stats?.numSamples),
    chunks: number(raw.stats?.numChunks),
    bytes: (raw.thanos?.files ?? []).reduce((sum, file) => sum + number(file.size_bytes), 0),
    marks: marks.get(raw.ulid) ?? [],
    troubles: troubles.get(raw.ulid) ?? [],
    overlaps: false,
    raw,
  };
}

function byUlid<T extends { ulid: string }>(list: readonly T[]): Map<string, T[]> {
  const out = new Map<string, T[]>();
  for (const one of list) {
    const known = out.get(one.ulid);
    if (known) known.push(one);
    else out.set(one.ulid, [one]);
  }
  return out;
}

/** Oldest first, with marks, troubles and overlaps. */
export function blocksOf(answer: BlocksAnswer): Block[] {
  const marks = byUlid(answer.marks ?? []);
  const troubles = byUlid(answer.troubled ?? []);
  const blocks = (answer.blocks ?? []).map((raw) => blockOf(raw, marks, troubles));
  blocks.sort((a, b) => a.from - b.from || a.to - b.to || (a.ulid < b.ulid ? -1 : 1));
  markOverlaps(blocks);
  return blocks;
}

export const isMarked = (block: Block, kind: Mark['kind']): boolean =>
  block.marks.some((mark) => mark.kind === kind);

/** All external labels as one text, in order of their names. */
export function labelsText(labels: Record<string, string>): string {
  const names = Object.keys(labels).sort();
  return `{${names.map((name) => `${name}="${labels[name]}"`).join(', ')}}`;
}

// Overlaps are of blocks of equal labels and resolution of which none is on its way out.
function markOverlaps(blocks: readonly Block[]): void {
  const last = new Map<string, Block>();
  for (const block of blocks) {
    if (isMarked(block, 'deletion')) continue;
    const key = `${block.resolution} ${labelsText(block.labels)}`;
    const before = last.get(key);
    if (before && block.from < before.to) {
      before.overlaps = true;
      block.overlaps = true;
    }
    if (!before || block.to > before.to) last.set(key, block);
  }
}

export interface BlockFilter {
  text: string;
  levels: ReadonlySet<string>;
  resolutions: ReadonlySet<string>;
  sources: ReadonlySet<string>;
  /** overlapping, marked, troubled, undownsampled. */
  only: ReadonlySet<string>;
  from: number;
  to: number;
}

const FORTY_HOURS = 40 * 3_600_000;
const TEN_DAYS = 240 * 3_600_000;

/** The raw and 5m blocks that are long enough to be downsampled and have no coarser block. */
export function undownsampled(blocks: readonly Block[]): Set<string> {
  const coarser = new Map<string, Block[]>();
  const keyOf = (block: Block, resolution: number): string =>
    `${resolution} ${labelsText(block.labels)}`;
  for (const block of blocks) {
    const key = keyOf(block, block.resolution);
    const list = coarser.get(key);
    if (list) list.push(block);
    else coarser.set(key, [block]);
  }
  const out = new Set<string>();
  for (const block of blocks) {
    const [next, least] = block.resolution === 0 ? [300_000, FORTY_HOURS] : [3_600_000, TEN_DAYS];
    if (block.resolution >= 3_600_000 || block.to - block.from < least) continue;
    const found = (coarser.get(keyOf(block, next)) ?? []).some(
      (one) => one.from <= block.from && one.to >= block.to,
    );
    if (!found) out.add(block.ulid);
  }
  return out;
}

/** Words of the text are found in the ULID, the source or a label; `name=value` is a label. */
export function filterBlocks(blocks: readonly Block[], filter: BlockFilter): Block[] {
  const words = filter.text.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const due = filter.only.has('undownsampled') ? undownsampled(blocks) : null;
  const { levels, resolutions, sources, only } = filter;
  return blocks.filter((block) => {
    if (block.to < filter.from || block.from > filter.to) return false;
    if (levels.size > 0 && !levels.has(String(block.level))) return false;
    if (resolutions.size > 0 && !resolutions.has(resolutionName(block.resolution))) return false;
    if (sources.size > 0 && !sources.has(block.source)) return false;
    if (only.has('overlapping') && !block.overlaps) return false;
    if (only.has('marked') && block.marks.length === 0) return false;
    if (only.has('troubled') && block.troubles.length === 0) return false;
    if (due && !due.has(block.ulid)) return false;
    if (words.length === 0) return true;
    const haystack = `${block.ulid} ${block.source} ${Object.entries(block.labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ')}`.toLowerCase();
    return words.every((word) => haystack.includes(word.replaceAll('"', '')));
  });
}

/** Blocks of one resolution and level that do not lie on each other: one row of the timeline. */
export interface Lane {
  resolution: number;
  level: number;
  blocks: Block[];
  /** Longest block of the lane: how far to the left of a time one may begin that reaches it. */
  longest: number;
}

export interface Group {
  name: string;
  lanes: Lane[];
  count: number;
}

/** What blocks are put together by: the values of these labels, all labels when there are none. */
export function groupName(block: Block, labels: readonly string[]): string {
  if (labels.length === 0) return labelsText(block.labels);
  return labels.map((name) => `${name}="${block.labels[name] ?? ''}"`).join(', ');
}

// At most this many rows for blocks of one resolution and level that lie on each other.
const STACKED_MAX = 6;

/** Groups by name; in each the lanes by resolution, then level. `blocks` are oldest first. */
export function layOut(blocks: readonly Block[], labels: readonly string[]): Group[] {
  const groups = new Map<string, Map<string, Lane[]>>();
  const counts = new Map<string, number>();
  for (const block of blocks) {
    const name = groupName(block, labels);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    let kinds = groups.get(name);
    if (!kinds) groups.set(name, (kinds = new Map()));
    const kind = `${block.resolution} ${block.level}`;
    let stack = kinds.get(kind);
    if (!stack) kinds.set(kind, (stack = []));
    let lane = stack.find((one) => one.blocks.at(-1)!.to <= block.from);
    if (!lane && stack.length >= STACKED_MAX) lane = stack[STACKED_MAX - 1];
    if (!lane)
      stack.push(
        (lane = { resolution: block.resolution, level: block.level, blocks: [], longest: 0 }),
      );
    lane.blocks.push(block);
    lane.longest = Math.max(lane.longest, block.to - block.from);
  }
  return [...groups]
    .map(([name, kinds]) => ({
      name,
      count: counts.get(name) ?? 0,
      lanes: [...kinds.values()]
        .flat()
        .sort((a, b) => a.resolution - b.resolution || a.level - b.level),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Index of the first block of a lane that may reach into times from `from` on. */
export function firstReaching(lane: Lane, from: number): number {
  let low = 0;
  let high = lane.blocks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.blocks[middle]!.from < from - lane.longest) low = middle + 1;
    else high = middle;
  }
  return low;
}

export interface Totals {
  blocks: number;
  /** By milliseconds, the finest first. */
  byResolution: Map<number, number>;
  bytes: number;
  samples: number;
  overlapping: number;
  deletion: number;
  noCompact: number;
  noDownsample: number;
}

export function totalsOf(blocks: readonly Block[]): Totals {
  const totals: Totals = {
    blocks: blocks.length,
    byResolution: new Map(),
    bytes: 0,
    samples: 0,
    overlapping: 0,
    deletion: 0,
    noCompact: 0,
    noDownsample: 0,
  };
  for (const block of blocks) {
    totals.byResolution.set(block.resolution, (totals.byResolution.get(block.resolution) ?? 0) + 1);
    totals.bytes += block.bytes;
    totals.samples += block.samples;
    if (block.overlaps) ++totals.overlapping;
    if (isMarked(block, 'deletion')) ++totals.deletion;
    if (isMarked(block, 'no-compact')) ++totals.noCompact;
    if (isMarked(block, 'no-downsample')) ++totals.noDownsample;
  }
  totals.byResolution = new Map([...totals.byResolution].sort(([a], [b]) => a - b));
  return totals;
}

/** First and last time of blocks; an hour that ends now when there are none. */
export function spanOf(blocks: readonly Block[], nowMs: number): { from: number; to: number } {
  if (blocks.length === 0) return { from: nowMs - 3_600_000, to: nowMs };
  let to = -Infinity;
  let from = Infinity;
  for (const block of blocks) {
    if (block.from < from) from = block.from;
    if (block.to > to) to = block.to;
  }
  return { from, to: Math.max(to, from + 60_000) };
}
