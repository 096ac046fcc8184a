// What of the blocks is shown, and how it is put together.
import { useMemo } from 'preact/hooks';
import { setParams } from '../../app/router';
import { Chips, Menu, Segments } from '../../components/controls';
import { Icon } from '../../components/icon';
import { type Block, type BlockFilter, resolutionName, totalsOf } from '../../lib/blocks';
import { csvOf, quoted, textCell } from '../../lib/csv';
import { download } from '../../lib/download';

function setOf(params: URLSearchParams, key: string): Set<string> {
  return new Set((params.get(key) ?? '').split(',').filter(Boolean));
}

// Keys of Thanos' own viewer are read too: min-time, max-time, ulid, find-overlapping,
// filter-compaction and compaction-level.
export function filterOf(params: URLSearchParams): BlockFilter {
  const levels = setOf(params, 'level');
  if (params.get('filter-compaction') === 'true') levels.add(params.get('compaction-level') ?? '0');
  const only = setOf(params, 'only');
  if (params.get('find-overlapping') === 'true') only.add('overlapping');
  return {
    text: params.get('ulid') ?? '',
    levels,
    resolutions: setOf(params, 'resolution'),
    sources: setOf(params, 'source'),
    only,
    from: -Infinity,
    to: Infinity,
  };
}

function counted(
  blocks: readonly Block[],
  valueOf: (block: Block) => string,
): { value: string; text: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const block of blocks) counts.set(valueOf(block), (counts.get(valueOf(block)) ?? 0) + 1);
  return [...counts]
    .map(([value, count]) => ({ value, text: value || 'none', count }))
    .sort((a, b) => a.value.localeCompare(b.value, 'en', { numeric: true }));
}

export function Filters({
  all,
  shown,
  params,
  labels,
  table,
}: {
  all: readonly Block[];
  shown: readonly Block[];
  params: URLSearchParams;
  labels: string[];
  table: boolean;
}) {
  const filter = filterOf(params);
  const names = useMemo(
    () => [...new Set(all.flatMap((block) => Object.keys(block.labels)))].sort(),
    [all],
  );
  const kinds = useMemo(
    () => ({
      levels: counted(all, (block) => String(block.level)),
      resolutions: [...totalsOf(all).byResolution].map(([ms, count]) => ({
        value: resolutionName(ms),
        text: resolutionName(ms),
        count,
      })),
      sources: counted(all, (block) => block.source),
      overlapping: all.filter((block) => block.overlaps).length,
      marked: all.filter((block) => block.marks.length > 0).length,
      troubled: all.filter((block) => block.troubles.length > 0).length,
    }),
    [all],
  );
  const groupText = `Group by ${labels.length > 0 ? labels.join(', ') : 'all labels'}`;
  const put = (key: string) => (next: ReadonlySet<string>) =>
    setParams({ [key]: [...next].join(',') });
  return (
    <div class="toolbar">
      <Chips
        label="Resolution"
        chosen={filter.resolutions}
        onChange={put('resolution')}
        options={kinds.resolutions}
      />
      <Chips
        label="Level"
        chosen={filter.levels}
        onChange={(next) =>
          setParams({
            level: [...next].join(','),
            'filter-compaction': null,
            'compaction-level': null,
          })
        }
        options={kinds.levels.map((one) => ({ ...one, text: `level ${one.text}` }))}
      />
      <Chips
        label="Only"
        chosen={filter.only}
        onChange={(next) => setParams({ only: [...next].join(','), 'find-overlapping': null })}
        options={[
          {
            value: 'overlapping',
            text: 'Overlapping',
            count: kinds.overlapping,
            tone: kinds.overlapping > 0 ? 'bad' : 'plain',
          },
          { value: 'marked', text: 'Marked', count: kinds.marked },
          ...(kinds.troubled > 0
            ? [
                {
                  value: 'troubled',
                  text: 'In trouble',
                  count: kinds.troubled,
                  tone: 'bad' as const,
                },
              ]
            : []),
          { value: 'undownsampled', text: 'Not downsampled yet' },
        ]}
      />
      {kinds.sources.length > 1 && (
        <Menu
          label="Filter:"
          button={
            <>
              <Icon name="filter" size={14} /> Source
              {filter.sources.size > 0 ? `: ${filter.sources.size}` : ''}
            </>
          }
        >
          <Chips
            label="Source"
            chosen={filter.sources}
            onChange={put('source')}
            options={kinds.sources}
          />
        </Menu>
      )}
      <Menu label="Blocks:" button={groupText}>
        <div class="group-menu">
          {names.map((name) => (
            <label class="check" key={name}>
              <input
                type="checkbox"
                checked={labels.includes(name)}
                onChange={() => {
                  const next = labels.includes(name)
                    ? labels.filter((one) => one !== name)
                    : [...labels, name];
                  // An empty value is a choice too: all labels, whatever the server prefers.
                  setGroup(next);
                }}
              />
              {name}
            </label>
          ))}
          <button type="button" class="item" onClick={() => setGroup([])}>
            All labels
          </button>
        </div>
      </Menu>
      <span class="push">
        <Segments
          label="View"
          value={table ? 'table' : 'timeline'}
          onChange={(next) => setParams({ view: next === 'table' ? 'table' : null })}
          options={[
            { value: 'timeline', text: 'Timeline' },
            { value: 'table', text: 'Table' },
          ]}
        />
      </span>
      <button
        type="button"
        class="small"
        onClick={() => download('blocks.csv', 'text/csv;charset=utf-8', csvOfBlocks(shown))}
      >
        <Icon name="download" size={14} /> CSV
      </button>
    </div>
  );
}

// "," stands for no label: setParams takes out keys that are empty.
function setGroup(labels: readonly string[]): void {
  setParams({ group: labels.join(',') || ',' });
}

function csvOfBlocks(blocks: readonly Block[]): string {
  const head = [
    'ulid',
    'from',
    'to',
    'resolution',
    'level',
    'source',
    'series',
    'samples',
    'bytes',
    'overlaps',
    'marks',
    'labels',
  ];
  const rows = blocks.map((block) => [
    textCell(block.ulid),
    new Date(block.from).toISOString(),
    new Date(block.to).toISOString(),
    resolutionName(block.resolution),
    String(block.level),
    textCell(block.source),
    String(block.series),
    String(block.samples),
    String(block.bytes),
    String(block.overlaps),
    textCell(block.marks.map(({ kind, details }) => `${kind} ${details}`.trim()).join('; ')),
    textCell(
      Object.entries(block.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join('; '),
    ),
  ]);
  return csvOf([head.map(quoted), ...rows]);
}
