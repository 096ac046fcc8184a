import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Block,
  type BlocksAnswer,
  blocksOf,
  filterBlocks,
  firstReaching,
  layOut,
  type RawBlock,
  spanOf,
  totalsOf,
  undownsampled,
} from '../src/lib/blocks';

const HOUR = 3_600_000;

function raw(
  ulid: string,
  from: number,
  to: number,
  more: { level?: number; resolution?: number; cluster?: string } = {},
): RawBlock {
  return {
    ulid,
    minTime: from,
    maxTime: to,
    stats: { numSamples: 10, numSeries: 2, numChunks: 3 },
    compaction: { level: more.level ?? 1 },
    thanos: {
      labels: { cluster: more.cluster ?? 'a', replica: 'r' },
      downsample: { resolution: more.resolution ?? 0 },
      source: 'sidecar',
      files: [{ rel_path: 'index', size_bytes: 5 }],
    },
  };
}
const answer = (blocks: RawBlock[], more: Partial<BlocksAnswer> = {}): BlocksAnswer => ({
  label: '',
  blocks,
  refreshedAt: '',
  err: null,
  ...more,
});
const all = {
  text: '',
  levels: new Set<string>(),
  resolutions: new Set<string>(),
  sources: new Set<string>(),
  only: new Set<string>(),
  from: -Infinity,
  to: Infinity,
};
const ulids = (blocks: Block[]): string[] => blocks.map(({ ulid }) => ulid);

test('what meta.json leaves out is nothing, not a fault', () => {
  const [block] = blocksOf(answer([{ ulid: 'X', minTime: 1, maxTime: 2 }]));
  assert.equal(block?.level, 0);
  assert.equal(block?.bytes, 0);
  assert.deepEqual(block?.labels, {});
  assert.deepEqual(blocksOf({ label: '', blocks: null, refreshedAt: '', err: null }), []);
});

test('overlaps are of equal labels and resolution, without what will be deleted', () => {
  const list = [
    raw('A', 0, 2),
    raw('B', 1, 3),
    raw('C', 1, 3, { resolution: 300_000 }),
    raw('D', 1, 3, { cluster: 'b' }),
    raw('E', 3, 4),
  ];
  assert.deepEqual(ulids(blocksOf(answer(list)).filter((block) => block.overlaps)), ['A', 'B']);
  const marks = [{ ulid: 'A', kind: 'deletion' as const, reason: '', details: '', time: 0 }];
  assert.deepEqual(
    blocksOf(answer(list, { marks })).filter((block) => block.overlaps),
    [],
  );
});

test('a long block overlaps every block inside of it', () => {
  const list = [raw('LONG', 0, 100), raw('A', 1, 2), raw('B', 50, 60), raw('C', 100, 101)];
  assert.deepEqual(ulids(blocksOf(answer(list)).filter((block) => block.overlaps)), [
    'LONG',
    'A',
    'B',
  ]);
});

test('filters narrow by words, labels, levels and marks', () => {
  const blocks = blocksOf(
    answer([raw('AAA', 0, 1, { cluster: 'eu' }), raw('BBB', 1, 2, { cluster: 'us', level: 2 })], {
      marks: [{ ulid: 'BBB', kind: 'no-compact', reason: 'manual', details: '', time: 1 }],
    }),
  );
  assert.deepEqual(ulids(filterBlocks(blocks, { ...all, text: 'cluster="eu"' })), ['AAA']);
  assert.deepEqual(ulids(filterBlocks(blocks, { ...all, text: 'bb sidecar' })), ['BBB']);
  assert.deepEqual(ulids(filterBlocks(blocks, { ...all, levels: new Set(['2']) })), ['BBB']);
  assert.deepEqual(ulids(filterBlocks(blocks, { ...all, only: new Set(['marked']) })), ['BBB']);
  assert.deepEqual(ulids(filterBlocks(blocks, { ...all, from: 1.5 })), ['BBB']);
});

test('a block is due for downsampling when it is long enough and nothing coarser covers it', () => {
  const list = [
    raw('SHORT', 0, 39 * HOUR),
    raw('DUE', 40 * HOUR, 80 * HOUR),
    raw('DONE', 80 * HOUR, 120 * HOUR),
    raw('FIVE', 80 * HOUR, 120 * HOUR, { resolution: 300_000 }),
  ];
  assert.deepEqual([...undownsampled(blocksOf(answer(list)))], ['DUE']);
});

test('the layout stacks what overlaps and orders lanes by resolution, then level', () => {
  const list = [
    raw('A', 0, 10),
    raw('B', 5, 15),
    raw('C', 10, 20),
    raw('D', 0, 20, { level: 2 }),
    raw('E', 0, 20, { resolution: 300_000 }),
    raw('F', 0, 1, { cluster: 'z' }),
  ];
  const groups = layOut(blocksOf(answer(list)), ['cluster']);
  assert.deepEqual(
    groups.map(({ name, count }) => [name, count]),
    [
      ['cluster="a"', 5],
      ['cluster="z"', 1],
    ],
  );
  assert.deepEqual(
    groups[0]?.lanes.map(({ blocks }) => ulids(blocks)),
    [['A', 'C'], ['B'], ['D'], ['E']],
  );
});

test('the first block that reaches a time is found however long blocks are', () => {
  const blocks = blocksOf(
    answer([
      raw('LONG', 0, 1000, { level: 9 }),
      ...Array.from({ length: 500 }, (_, i) => raw(`B${i}`, i * 10, i * 10 + 10, { level: 1 })),
    ]),
  );
  const lanes = layOut(blocks, [])[0]!.lanes;
  const lane = lanes.find(({ level }) => level === 1)!;
  const first = firstReaching(lane, 2505);
  assert.ok(lane.blocks[first]!.from <= 2505 && lane.blocks[first]!.to >= 2495);
  assert.equal(
    firstReaching(
      lanes.find(({ level }) => level === 9)!,
      999,
    ),
    0,
  );
});

test('totals and the span of none and of many', () => {
  const blocks = blocksOf(answer([raw('A', 5, 90_000), raw('B', 1, 7, { resolution: 3_600_000 })]));
  const totals = totalsOf(blocks);
  assert.deepEqual(
    [totals.blocks, totals.bytes, totals.samples, [...totals.byResolution.keys()]],
    [2, 10, 20, [0, 3_600_000]],
  );
  assert.deepEqual(spanOf(blocks, 0), { from: 1, to: 90_000 });
  assert.deepEqual(spanOf([], 3_600_000), { from: 0, to: 3_600_000 });
});

test('50,000 blocks are laid out within a second', () => {
  const list = Array.from({ length: 50_000 }, (_, i) =>
    raw(`B${i}`, (i % 5000) * HOUR, (i % 5000) * HOUR + HOUR, {
      level: 1 + (i % 4),
      cluster: `c${i % 25}`,
    }),
  );
  const began = performance.now();
  layOut(filterBlocks(blocksOf(answer(list)), { ...all, text: 'cluster=c1' }), []);
  assert.ok(performance.now() - began < 1000);
});
