// The blocks of a bucket, or those that a role works with.
import { useMemo, useState } from 'preact/hooks';
import { type CallState, useCall } from '../../api/use_call';
import { timeZone } from '../../app/preferences';
import { setParams } from '../../app/router';
import type { PageProps } from '../../app/routes';
import { FilterBox, Page } from '../../components/controls';
import { Icon } from '../../components/icon';
import { DataRegion, Empty } from '../../components/states';
import {
  type Block,
  type BlocksAnswer,
  blocksOf,
  filterBlocks,
  layOut,
  spanOf,
} from '../../lib/blocks';
import { plural } from '../../lib/format';
import { timeOf } from '../../lib/match';
import { useStore } from '../../lib/store';
import { formatTime, parseTime } from '../../lib/time';
import { BlockDetails } from './details';
import { Failed } from './failed';
import { filterOf, Filters } from './filters';
import { Legend, Lost, Totals } from './parts';
import { BlockTable } from './table';
import { Timeline } from './timeline';
import '../../components/lists.css';
import './blocks.css';

export default function BlocksPage({ config, path, params }: PageProps) {
  // A store knows only what it has loaded, a bucket viewer only the whole bucket.
  const loaded =
    config.component === 'store' || (path === 'loaded' && config.component !== 'bucket');
  const call = useCall<BlocksAnswer>('api/v1/blocks', {
    params: { view: loaded ? 'loaded' : 'global' },
    everyMs: 60_000,
  });
  const text = params.get('ulid') ?? '';
  return (
    <Page
      title={
        loaded
          ? config.component === 'compact'
            ? 'Blocks that are worked on'
            : 'Loaded blocks'
          : 'Blocks of the bucket'
      }
      tools={
        <FilterBox
          value={text}
          label="Find a ULID, label or source"
          placeholder="ULID, source or label=value"
          onInput={(next) => setParams({ ulid: next })}
        />
      }
    >
      {config.component === 'compact' && <Failed />}
      <DataRegion
        call={call}
        isEmpty={(answer) => (answer.blocks ?? []).length + (answer.troubled ?? []).length === 0}
        empty={<NoBlocks call={call} />}
      >
        {(answer) => (
          <Blocks
            answer={answer}
            params={params}
            canMark={config.adminOperations && config.component !== 'query'}
            reload={call.reload}
          />
        )}
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

const timeParam = (params: URLSearchParams, key: string): number => {
  const text = params.get(key);
  return text !== null && /^-?\d+$/.test(text) ? Number(text) : NaN;
};

function Blocks({
  answer,
  params,
  canMark,
  reload,
}: {
  answer: BlocksAnswer;
  params: URLSearchParams;
  canMark: boolean;
  reload: () => void;
}) {
  const all = useMemo(() => blocksOf(answer), [answer]);
  const query = params.toString();
  const shown = useMemo(() => filterBlocks(all, filterOf(params)), [all, query]);
  const whole = useMemo(() => spanOf(shown, Date.now()), [shown]);
  const grouping = params.get('group');
  const labels =
    grouping === null ? (answer.label ? [answer.label] : []) : grouping.split(',').filter(Boolean);
  const groups = useMemo(() => layOut(shown, labels), [shown, labels.join(',')]);
  const from = timeParam(params, 'min-time');
  const to = timeParam(params, 'max-time');
  const span = Number.isFinite(from) && Number.isFinite(to) && from < to ? { from, to } : whole;
  const table = params.get('view') === 'table';
  const [opened, setOpened] = useState<string | null>(null);
  const open =
    opened ?? (/^[0-9A-Z]{26}$/.test(params.get('open') ?? '') ? params.get('open') : null);
  const block = open ? all.find((one) => one.ulid === open) : undefined;
  const choose = (next: Block): void => setOpened(next.ulid);
  const lost = (answer.troubled ?? []).filter(({ ulid }) => !all.some((one) => one.ulid === ulid));
  return (
    <>
      {answer.err && (
        <div class="notice partial" role="status">
          <p class="notice-head">
            <Icon name="warn" />{' '}
            <strong>The last look at the bucket failed; what is shown is older</strong>
          </p>
          <pre>{answer.err}</pre>
        </div>
      )}
      <Totals blocks={all} answer={answer} partial={lost.length} />
      <Filters all={all} params={params} labels={labels} table={table} shown={shown} />
      {shown.length === 0 ? (
        <Empty title={`None of ${plural(all.length, 'block')} is like this`}>
          <button
            type="button"
            onClick={() =>
              setParams({
                ulid: null,
                level: null,
                resolution: null,
                source: null,
                only: null,
                'find-overlapping': null,
                'filter-compaction': null,
              })
            }
          >
            Show all
          </button>
        </Empty>
      ) : table ? (
        <BlockTable blocks={shown} params={params} onSelect={choose} />
      ) : (
        <>
          <TimeRange span={span} whole={whole} />
          <Timeline
            groups={groups}
            whole={whole}
            span={span}
            selected={open}
            onSelect={choose}
            onSpan={(next) =>
              setParams({
                'min-time': String(Math.round(next.from)),
                'max-time': String(Math.round(next.to)),
              })
            }
          />
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

function TimeRange({
  span,
  whole,
}: {
  span: { from: number; to: number };
  whole: { from: number; to: number };
}) {
  const zone = useStore(timeZone);
  const set = (from: number, to: number): void =>
    setParams({ 'min-time': String(Math.round(from)), 'max-time': String(Math.round(to)) });
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
        <button
          type="button"
          class="small"
          onClick={() => setParams({ 'min-time': null, 'max-time': null })}
        >
          Everything
        </button>
      )}
      <span class="muted push hint">Drag to move, Ctrl and wheel to zoom, click for details</span>
    </div>
  );
}
