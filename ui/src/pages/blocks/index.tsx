// The blocks of a bucket, or those that a role works with.
import { useMemo, useState } from 'preact/hooks';
import { type CallState, useCall } from '../../api/use_call';
import { timeZone } from '../../app/preferences';
import { setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { Ago, Chips, FilterBox, Menu, Page, Segments } from '../../components/controls';
import { Icon } from '../../components/icon';
import { DataRegion, Empty } from '../../components/states';
import { type Block, type BlockFilter, type BlocksAnswer, blocksOf, filterBlocks, layOut, resolutionName, spanOf, totalsOf } from '../../lib/blocks';
import { csvOf, download, quoted, textCell } from '../../lib/csv';
import { formatBytes, formatCount, formatSi, plural } from '../../lib/format';
import { timeOf } from '../../lib/match';
import { useStore } from '../../lib/store';
import { formatTime, parseTime } from '../../lib/time';
import { BlockDetails } from './details';
import { Failed } from './failed';
import { BlockTable } from './table';
import { Timeline } from './timeline';
import '../../components/lists.css';
import './blocks.css';

export default function BlocksPage({ config, path, params }: PageProps) {
  // A store knows only what it has loaded, a bucket viewer only the whole bucket.
  const loaded = config.component === 'store' || (path === 'loaded' && config.component !== 'bucket');
  const call = useCall<BlocksAnswer>('api/v1/blocks', { params: { view: loaded ? 'loaded' : 'global' }, everyMs: 60_000 });
  const text = params.get('ulid') ?? '';
  return (
    <Page title={loaded ? (config.component === 'compact' ? 'Blocks that are worked on' : 'Loaded blocks') : 'Blocks of the bucket'} tools={<FilterBox value={text} label="Find a ULID, label or source" placeholder="ULID, source or label=value" onInput={(next) => setParams({ ulid: next })} />}>
      {config.component === 'compact' && <Failed />}
      <DataRegion call={call} isEmpty={(answer) => (answer.blocks ?? []).length + (answer.troubled ?? []).length === 0} empty={<NoBlocks call={call} />}>
        {(answer) => <Blocks answer={answer} params={params} canMark={config.adminOperations && config.component !== 'query'} reload={call.reload} />}
      </DataRegion>
    </Page>
  );
}

function NoBlocks({ call }: { call: CallState<BlocksAnswer> }) {
  const answer = call.answer?.data;
  const never = timeOf(answer?.refreshedAt) === 0;
  return (
    <Empty title={never ? 'The bucket has not been looked at yet' : 'There are no blocks'}>
      {answer?.err && <pre class="notice error">{answer.err}</pre>}
      <button type="button" onClick={call.reload}>
        Look again
      </button>
    </Empty>
  );
}

function setOf(params: URLSearchParams, key: string): Set<string> {
  return new Set((params.get(key) ?? '').split(',').filter(Boolean));
}

// Keys of Thanos' own viewer are read too: min-time, max-time, ulid, find-overlapping,
// filter-compaction and compaction-level.
function filterOf(params: URLSearchParams): BlockFilter {
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

const timeParam = (params: URLSearchParams, key: string): number => {
  const text = params.get(key);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : NaN;
};

function counted(blocks: readonly Block[], valueOf: (block: Block) => string): { value: string; text: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const block of blocks) counts.set(valueOf(block), (counts.get(valueOf(block)) ?? 0) + 1);
  return [...counts].map(([value, count]) => ({ value, text: value || 'none', count })).sort((a, b) => a.value.localeCompare(b.value, 'en', { numeric: true }));
}

function Blocks({ answer, params, canMark, reload }: { answer: BlocksAnswer; params: URLSearchParams; canMark: boolean; reload: () => void }) {
  const all = useMemo(() => blocksOf(answer), [answer]);
  const query = params.toString();
  const shown = useMemo(() => filterBlocks(all, filterOf(params)), [all, query]);
  const whole = useMemo(() => spanOf(shown, Date.now()), [shown]);
  const grouping = params.get('group');
  const labels = grouping === null ? (answer.label ? [answer.label] : []) : grouping.split(',').filter(Boolean);
  const groups = useMemo(() => layOut(shown, labels), [shown, labels.join(',')]);
  const from = timeParam(params, 'min-time');
  const to = timeParam(params, 'max-time');
  const span = Number.isFinite(from) && Number.isFinite(to) && from < to ? { from, to } : whole;
  const table = params.get('view') === 'table';
  const [opened, setOpened] = useState<string | null>(null);
  const open = opened ?? (/^[0-9A-Z]{26}$/.test(params.get('open') ?? '') ? params.get('open') : null);
  const block = open ? all.find((one) => one.ulid === open) : undefined;
  const choose = (next: Block): void => setOpened(next.ulid);
  const lost = (answer.troubled ?? []).filter(({ ulid }) => !all.some((one) => one.ulid === ulid));
  return (
    <>
      {answer.err && (
        <div class="notice partial" role="status">
          <p class="notice-head">
            <Icon name="warn" /> <strong>The last look at the bucket failed; what is shown is older</strong>
          </p>
          <pre>{answer.err}</pre>
        </div>
      )}
      <Totals blocks={all} answer={answer} partial={lost.length} />
      <Filters all={all} params={params} labels={labels} table={table} shown={shown} />
      {shown.length === 0 ? (
        <Empty title={`None of ${plural(all.length, 'block')} is like this`}>
          <button type="button" onClick={() => setParams({ ulid: null, level: null, resolution: null, source: null, only: null, 'find-overlapping': null, 'filter-compaction': null })}>
            Show all
          </button>
        </Empty>
      ) : table ? (
        <BlockTable blocks={shown} params={params} onSelect={choose} />
      ) : (
        <>
          <TimeRange span={span} whole={whole} />
          <Timeline groups={groups} whole={whole} span={span} selected={open} onSelect={choose} onSpan={(next) => setParams({ 'min-time': String(Math.round(next.from)), 'max-time': String(Math.round(next.to)) })} />
          <Legend />
        </>
      )}
      {lost.length > 0 && <Lost lost={lost} />}
      {block && (
        <BlockDetails
          key={block.ulid}
          block={block}
          canMark={canMark}
          onMarked={reload}
          onClose={() => {
            setOpened(null);
            setParams({ open: null });
          }}
        />
      )}
    </>
  );
}

function Totals({ blocks, answer, partial }: { blocks: readonly Block[]; answer: BlocksAnswer; partial: number }) {
  const totals = useMemo(() => totalsOf(blocks), [blocks]);
  const tile = (name: string, value: string, tone = '') => (
    <div class={`tile ${tone}`} key={name}>
      <div class="value">{value}</div>
      <div class="name">{name}</div>
    </div>
  );
  return (
    <div class="tiles">
      {tile('blocks', formatCount(totals.blocks))}
      {[...totals.byResolution].map(([ms, count]) => tile(resolutionName(ms), formatCount(count)))}
      {totals.bytes > 0 && tile('in all', formatBytes(totals.bytes))}
      {tile('samples', formatSi(totals.samples))}
      {tile('overlapping', formatCount(totals.overlapping), totals.overlapping > 0 ? 'bad' : '')}
      {totals.deletion > 0 && tile('to be deleted', formatCount(totals.deletion), 'warn')}
      {totals.noCompact > 0 && tile('not to be compacted', formatCount(totals.noCompact), 'warn')}
      {totals.noDownsample > 0 && tile('not to be downsampled', formatCount(totals.noDownsample), 'warn')}
      {partial > 0 && tile('partial uploads', formatCount(partial), 'warn')}
      <div class="tile">
        <div class="value">
          <Ago ms={timeOf(answer.refreshedAt)} />
        </div>
        <div class="name">refreshed</div>
      </div>
    </div>
  );
}

function Filters({ all, shown, params, labels, table }: { all: readonly Block[]; shown: readonly Block[]; params: URLSearchParams; labels: string[]; table: boolean }) {
  const filter = filterOf(params);
  const names = useMemo(() => [...new Set(all.flatMap((block) => Object.keys(block.labels)))].sort(), [all]);
  const kinds = useMemo(
    () => ({
      levels: counted(all, (block) => String(block.level)),
      resolutions: [...totalsOf(all).byResolution].map(([ms, count]) => ({ value: resolutionName(ms), text: resolutionName(ms), count })),
      sources: counted(all, (block) => block.source),
      overlapping: all.filter((block) => block.overlaps).length,
      marked: all.filter((block) => block.marks.length > 0).length,
      troubled: all.filter((block) => block.troubles.length > 0).length,
    }),
    [all],
  );
  const groupText = `Group by ${labels.length > 0 ? labels.join(', ') : 'all labels'}`;
  const put = (key: string) => (next: ReadonlySet<string>) => setParams({ [key]: [...next].join(',') });
  return (
    <div class="toolbar">
      <Chips label="Resolution" chosen={filter.resolutions} onChange={put('resolution')} options={kinds.resolutions} />
      <Chips label="Level" chosen={filter.levels} onChange={(next) => setParams({ level: [...next].join(','), 'filter-compaction': null, 'compaction-level': null })} options={kinds.levels.map((one) => ({ ...one, text: `level ${one.text}` }))} />
      <Chips
        label="Only"
        chosen={filter.only}
        onChange={(next) => setParams({ only: [...next].join(','), 'find-overlapping': null })}
        options={[
          { value: 'overlapping', text: 'Overlapping', count: kinds.overlapping, tone: kinds.overlapping > 0 ? 'bad' : 'plain' },
          { value: 'marked', text: 'Marked', count: kinds.marked },
          ...(kinds.troubled > 0 ? [{ value: 'troubled', text: 'In trouble', count: kinds.troubled, tone: 'bad' as const }] : []),
          { value: 'undownsampled', text: 'Not downsampled yet' },
        ]}
      />
      {kinds.sources.length > 1 && (
        <Menu label="Filter:" button={<><Icon name="filter" size={14} /> Source{filter.sources.size > 0 ? `: ${filter.sources.size}` : ''}</>}>
          <Chips label="Source" chosen={filter.sources} onChange={put('source')} options={kinds.sources} />
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
                  const next = labels.includes(name) ? labels.filter((one) => one !== name) : [...labels, name];
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
        <Segments label="View" value={table ? 'table' : 'timeline'} onChange={(next) => setParams({ view: next === 'table' ? 'table' : null })} options={[{ value: 'timeline', text: 'Timeline' }, { value: 'table', text: 'Table' }]} />
      </span>
      <button type="button" class="small" onClick={() => download('blocks.csv', csvOfBlocks(shown))}>
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
  const head = ['ulid', 'from', 'to', 'resolution', 'level', 'source', 'series', 'samples', 'bytes', 'overlaps', 'marks', 'labels'];
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
    textCell(Object.entries(block.labels).map(([name, value]) => `${name}=${value}`).join('; ')),
  ]);
  return csvOf([head.map(quoted), ...rows]);
}

function TimeRange({ span, whole }: { span: { from: number; to: number }; whole: { from: number; to: number } }) {
  const zone = useStore(timeZone);
  const set = (from: number, to: number): void => setParams({ 'min-time': String(Math.round(from)), 'max-time': String(Math.round(to)) });
  const field = (label: string, ms: number, change: (ms: number) => void) => (
    <label class="check">
      {label}
      <input
        key={ms}
        defaultValue={formatTime(ms, zone)}
        size={19}
        onChange={(event) => {
          const next = parseTime(event.currentTarget.value, zone, Date.now());
          event.currentTarget.setAttribute('aria-invalid', String(next === null));
          if (next !== null) change(next);
        }}
      />
    </label>
  );
  return (
    <div class="toolbar">
      {field('From', span.from, (ms) => set(ms, Math.max(span.to, ms + 60_000)))}
      {field('to', span.to, (ms) => set(Math.min(span.from, ms - 60_000), ms))}
      {(span.from !== whole.from || span.to !== whole.to) && (
        <button type="button" class="small" onClick={() => setParams({ 'min-time': null, 'max-time': null })}>
          Everything
        </button>
      )}
      <span class="muted push hint">Drag to move, Ctrl and wheel to zoom, click for details</span>
    </div>
  );
}

function Legend() {
  return (
    <div class="legend" aria-hidden="true">
      {[1, 2, 3, 4].map((level) => (
        <span key={level}>
          <i class={`swatch l${level}`} /> level {level}
        </span>
      ))}
      <span>
        <i class="swatch h5m" /> 5m
      </span>
      <span>
        <i class="swatch h1h" /> 1h
      </span>
      <span>
        <i class="swatch overlap" /> overlapping or in trouble
      </span>
      <span>
        <i class="swatch going" /> ✕ to be deleted
      </span>
      <span>▬ not to be compacted</span>
      <span>● not to be downsampled</span>
    </div>
  );
}

function Lost({ lost }: { lost: readonly { ulid: string; state: string; reason: string }[] }) {
  return (
    <details class="panel">
      <summary>
        {plural(lost.length, 'block')} of which no meta.json is known: uploads that never ended, or blocks put aside
      </summary>
      <ul class="file-list">
        {lost.map(({ ulid, state, reason }) => (
          <li key={ulid} class="wrap">
            <span class="mono">{ulid}</span> {state}: {reason}
          </li>
        ))}
      </ul>
    </details>
  );
}
