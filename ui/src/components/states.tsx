// The four states of anything that is fetched: loading, error, empty, partial.
import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ApiError } from '../api/client';
import type { CallState } from '../api/use_call';
import { plural } from '../lib/format';
import { sortWarnings } from '../lib/warnings';
import { CopyButton } from './controls';
import { Icon } from './icon';

/** Nothing for 150 ms, then bars; after two seconds how long it takes, and Cancel. */
export function Loading({
  startedAt,
  onCancel,
  rows = 3,
  quiet = false,
}: {
  /** performance.now() at the start. */
  startedAt: number;
  onCancel?: () => void;
  rows?: number;
  /** One line instead of bars: something older stays visible below. */
  quiet?: boolean;
}) {
  const [now, setNow] = useState(performance.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 150);
    return () => clearInterval(timer);
  }, []);
  const waited = now - startedAt;
  return (
    <div class="loading" role="status" aria-busy="true">
      {waited >= 2000 && (
        <p class="loading-line">
          <span class="spinner" /> Waiting for an answer: {Math.floor(waited / 1000)} s
          {onCancel && (
            <button type="button" class="small" onClick={onCancel}>
              Cancel
            </button>
          )}
        </p>
      )}
      {!quiet &&
        waited >= 150 &&
        Array.from({ length: rows }, (_, i) => <div key={i} class="bone" />)}
      <span class="visually-hidden">Loading</span>
    </div>
  );
}

const HEADINGS: Record<ApiError['kind'], string> = {
  network: 'No connection to the server',
  timeout: 'The server did not answer in time',
  aborted: 'Cancelled',
  auth: 'Not allowed',
  busy: 'Too many requests',
  unavailable: 'The server is not ready',
  format: 'The answer cannot be read',
  api: 'The server refused',
};

/** What went wrong, in the server's words, as text. */
export function ErrorBox({
  error,
  onRetry,
  title,
}: {
  error: ApiError;
  onRetry?: (() => void) | undefined;
  title?: string;
}) {
  const code = [error.status ? `HTTP ${error.status}` : '', error.errorType].filter(Boolean);
  return (
    <div class="notice error" role="alert">
      <p class="notice-head">
        <Icon name="error" /> <strong>{title ?? HEADINGS[error.kind]}</strong>
        {code.length > 0 && <span class="muted">{code.join(' · ')}</span>}
        <span class="notice-tools">
          {error.curl && <CopyButton text={error.curl} label="Copy as curl" />}
          {onRetry && (
            <button type="button" class="small" onClick={onRetry}>
              <Icon name="refresh" size={14} /> Retry
            </button>
          )}
        </span>
      </p>
      <pre>{error.message}</pre>
      {error.warnings.map((text) => (
        <pre key={text}>{text}</pre>
      ))}
    </div>
  );
}

/** An answer without content: what was asked, and what helps. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty" role="status">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Warnings of an answer. Failed stores come first, in amber, and cannot be sent away. */
export function PartialBar({
  warnings,
  infos = [],
  stores = 0,
}: {
  warnings: readonly string[];
  infos?: readonly string[];
  /** How many were asked; 0 unknown. */
  stores?: number;
}) {
  const { failures, notes } = sortWarnings(warnings);
  const names = new Set(failures.map(({ store }) => store).filter(Boolean));
  const count = names.size || failures.length;
  const of = stores > count ? ` of ${stores}` : '';
  if (failures.length + notes.length + infos.length === 0) return null;
  return (
    <div role="status">
      {failures.length > 0 && (
        <details class="notice partial" open={failures.length <= 3}>
          <summary>
            <Icon name="warn" />{' '}
            <strong>
              Partial result: {of ? `${count}${of} stores` : plural(count, 'store')} failed
            </strong>
          </summary>
          <ul>
            {failures.map(({ store, message }) => (
              <li key={message}>
                {store && <strong class="mono">{store} </strong>}
                <span class="wrap">{message}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
      {notes.length + infos.length > 0 && (
        <details class="notice info" open={notes.length + infos.length <= 3}>
          <summary>
            <Icon name="info" /> {plural(notes.length + infos.length, 'remark')}
          </summary>
          <ul>
            {[...notes, ...infos].map((text) => (
              <li key={text} class="wrap">
                {text}
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

/** All four states of one call; what was there before stays, dimmed, while the next is loading. */
export function DataRegion<T>({
  call,
  isEmpty,
  empty,
  children,
  rows = 6,
}: {
  call: CallState<T>;
  isEmpty?: (data: T) => boolean;
  /** Shown when `isEmpty`. */
  empty?: VNode;
  children: (data: T) => ComponentChildren;
  rows?: number;
}) {
  const { answer, error, loading, startedAt, reload, cancel } = call;
  const stale = answer !== null && loading;
  return (
    <div class="region">
      {loading && (
        <Loading startedAt={startedAt} onCancel={cancel} rows={rows} quiet={answer !== null} />
      )}
      {error && !loading && <ErrorBox error={error} onRetry={reload} />}
      {answer && (
        <>
          <PartialBar warnings={answer.warnings} infos={answer.infos} />
          <div class={stale ? 'stale' : ''}>
            {isEmpty?.(answer.data)
              ? (empty ?? <Empty title="Nothing here" />)
              : children(answer.data)}
          </div>
        </>
      )}
    </div>
  );
}
