// Everything about one block, and marking it.
import { useState } from 'preact/hooks';
import { ApiError, call } from '../../api/client';
import { announce } from '../../app/live';
import { hrefOf } from '../../app/router';
import { Badge, CopyButton, Dialog, LabelSet, Segments, Time } from '../../components/controls';
import { Icon } from '../../components/icon';
import { ErrorBox } from '../../components/states';
import { Facts } from '../../components/text';
import { type Block, isMarked, resolutionName } from '../../lib/blocks';
import { download, fileName } from '../../lib/download';
import { formatBytes, formatCount, plural } from '../../lib/format';
import { formatDuration } from '../../lib/time';

const share = (part: number, whole: number): string =>
  whole > 0 ? ` (${Math.round((part / whole) * 100)}%)` : '';

function sizes(block: Block): readonly (readonly [string, string])[] {
  if (block.bytes === 0) return [['Size', 'meta.json does not tell']];
  const files = block.raw.thanos?.files ?? [];
  const index = files.find(({ rel_path }) => rel_path === 'index')?.size_bytes ?? 0;
  const chunks = files
    .filter(({ rel_path }) => rel_path.startsWith('chunks/'))
    .reduce((sum, file) => sum + (file.size_bytes ?? 0), 0);
  const days = (block.to - block.from) / 86_400_000;
  return [
    ['Size', formatBytes(block.bytes)],
    ['Chunks', formatBytes(chunks) + share(chunks, block.bytes)],
    ['Index', formatBytes(index) + share(index, block.bytes)],
    ['Per day', days > 0 ? formatBytes(block.bytes / days) : '–'],
  ];
}

export function BlockDetails({
  block,
  canMark,
  onClose,
  onMarked,
}: {
  block: Block;
  canMark: boolean;
  onClose: () => void;
  /** After a mark: the list is to be read again. */
  onMarked: () => void;
}) {
  const json = JSON.stringify(block.raw, null, 2);
  return (
    <Dialog title={block.ulid} onClose={onClose} drawer>
      <p class="toolbar">
        <Badge tone="plain">{resolutionName(block.resolution)}</Badge>
        <Badge tone="plain">level {block.level}</Badge>
        {block.overlaps && <Badge tone="bad">overlaps another</Badge>}
        <span class="push" />
        <CopyButton text={block.ulid} label="Copy ULID" />
        <CopyButton
          text={new URL(hrefOf('blocks', { ulid: block.ulid }), document.baseURI).href}
          label="Copy link"
        />
      </p>
      {block.marks.map((mark) => (
        <div key={mark.kind} class="notice partial">
          <p class="notice-head">
            <Icon name="warn" /> <strong>Marked: {mark.kind}</strong>
            {mark.time > 0 && <Time ms={mark.time * 1000} />}
          </p>
          <p class="wrap">
            {mark.reason && <strong>{mark.reason} </strong>}
            {mark.details || (mark.reason ? '' : 'No reason is given.')}
          </p>
        </div>
      ))}
      {block.troubles.map((trouble) => (
        <div key={trouble.state} class="notice error">
          <p class="notice-head">
            <Icon name="error" /> <strong>{trouble.state}</strong>
          </p>
          <pre>{trouble.reason}</pre>
        </div>
      ))}
      <Facts
        facts={[
          ['From', <Time ms={block.from} />],
          ['To', <Time ms={block.to} />],
          ['Length', formatDuration(block.to - block.from)],
          ['Labels', <LabelSet labels={block.labels} />],
          ['Source', block.source || 'not told'],
          ['Series', formatCount(block.series)],
          ['Samples', formatCount(block.samples)],
          ['Chunks held', formatCount(block.chunks)],
          ...sizes(block),
        ]}
      />
      <Ancestors block={block} />
      <Files block={block} />
      <details>
        <summary>meta.json</summary>
        <p class="toolbar">
          <button
            type="button"
            class="small"
            onClick={() =>
              download(fileName(`${block.ulid}-meta`, 'json'), 'application/json', json)
            }
          >
            <Icon name="download" size={14} /> Download
          </button>
          <CopyButton text={json} />
        </p>
        <pre class="panel">{json}</pre>
      </details>
      {canMark && <MarkForm key={block.ulid} block={block} onMarked={onMarked} />}
    </Dialog>
  );
}

function Ancestors({ block }: { block: Block }) {
  const parents = block.raw.compaction?.parents ?? [];
  const sources = block.raw.compaction?.sources ?? [];
  if (parents.length === 0 && sources.length <= 1) return null;
  return (
    <details>
      <summary>
        Made of {parents.length > 0 ? plural(parents.length, 'block') : 'no known blocks'}, at first
        of {plural(sources.length, 'block')}
      </summary>
      <ul class="file-list mono">
        {parents.map((parent) => (
          <li key={parent.ulid}>
            <a href={hrefOf('blocks', { ulid: parent.ulid })}>{parent.ulid}</a>{' '}
            <Time ms={parent.minTime} />
          </li>
        ))}
        {sources
          .filter((ulid) => !parents.some((parent) => parent.ulid === ulid))
          .map((ulid) => (
            <li key={ulid} class="muted">
              {ulid}
            </li>
          ))}
      </ul>
    </details>
  );
}

function Files({ block }: { block: Block }) {
  const files = block.raw.thanos?.files ?? [];
  if (files.length === 0) return null;
  return (
    <details>
      <summary>{plural(files.length, 'file')}</summary>
      <ul class="file-list mono">
        {files.map((file) => (
          <li key={file.rel_path}>
            {file.rel_path}{' '}
            <span class="muted">
              {file.size_bytes === undefined ? '' : formatBytes(file.size_bytes)}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

const ACTIONS = [
  {
    value: 'DELETION',
    text: 'Delete',
    title: 'The compactor deletes the block after its delete delay',
  },
  {
    value: 'NO_COMPACTION',
    text: 'Do not compact',
    title: 'The compactor leaves the block as it is',
  },
] as const;
type Action = (typeof ACTIONS)[number]['value'];

// Two steps: a reason, then the last six characters of the ULID, so that no slip of a hand does it.
function MarkForm({ block, onMarked }: { block: Block; onMarked: () => void }) {
  const [action, setAction] = useState<Action>('NO_COMPACTION');
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const [state, setState] = useState<'form' | 'confirm' | 'sending' | 'done'>('form');
  const [error, setError] = useState<ApiError | null>(null);
  const tail = block.ulid.slice(-6);
  const already = isMarked(block, action === 'DELETION' ? 'deletion' : 'no-compact');
  const send = (): void => {
    setState('sending');
    setError(null);
    call('api/v1/blocks/mark', {
      method: 'POST',
      params: { id: block.ulid, action, detail: reason.trim() },
    }).then(
      () => finish(),
      (why: unknown) => {
        // "Done" has no content and so is no answer of the API.
        if (why instanceof ApiError && why.status === 204) return finish();
        setState('confirm');
        setError(why instanceof ApiError ? why : new ApiError('format', String(why)));
      },
    );
  };
  const finish = (): void => {
    setState('done');
    announce(`Block ${block.ulid} is marked`);
    onMarked();
  };
  if (state === 'done') {
    return (
      <p class="notice info" role="status">
        <Icon name="check" /> {block.ulid} is marked:{' '}
        {action === 'DELETION' ? 'it will be deleted' : 'it will not be compacted'}. Reason:{' '}
        {reason}
      </p>
    );
  }
  return (
    <section aria-label="Mark this block">
      <h3>Mark this block</h3>
      <div class="mark-form panel">
        <Segments label="Mark" value={action} onChange={setAction} options={ACTIONS} />
        <p class="muted">{ACTIONS.find(({ value }) => value === action)?.title}.</p>
        {already && <p class="warn-text">It has this mark already; another one changes nothing.</p>}
        <label class="stacked">
          Reason
          <input
            value={reason}
            maxLength={1000}
            required
            disabled={state !== 'form'}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {state === 'form' ? (
          <button
            type="button"
            disabled={reason.trim() === '' || already}
            onClick={() => setState('confirm')}
          >
            Continue
          </button>
        ) : (
          <>
            <label class="stacked">
              <span>
                To confirm, type the last six characters of the ULID: <code>{tail}</code>
              </span>
              <input
                value={typed}
                autocomplete="off"
                spellcheck={false}
                onInput={(event) => setTyped(event.currentTarget.value)}
              />
            </label>
            <p class="toolbar">
              <button
                type="button"
                class="danger"
                disabled={typed.trim().toUpperCase() !== tail || state === 'sending'}
                onClick={send}
              >
                {action === 'DELETION' ? 'Mark for deletion' : 'Mark as not to be compacted'}
              </button>
              <button type="button" onClick={() => setState('form')}>
                Back
              </button>
            </p>
          </>
        )}
        {error && <ErrorBox error={error} title="The block was not marked" />}
      </div>
    </section>
  );
}
