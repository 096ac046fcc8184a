// One call of the API as the state of a component.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Answer, call, type CallOptions, encodeParams } from './client';

export interface CallState<T> {
  /** The last good answer; stays while the next one is on its way. */
  answer: Answer<T> | null;
  error: ApiError | null;
  loading: boolean;
  /** performance.now() of the running call. */
  startedAt: number;
  reload(): void;
  cancel(): void;
}

export interface UseCallOptions extends Omit<CallOptions, 'signal'> {
  /** false: nothing is called. */
  enabled?: boolean;
  /** Calls again this often while the page is visible. */
  everyMs?: number;
}

const PATIENCE_MS = 400;

/** Calls when `path` or the parameters change, and again on reload(); an older call is aborted. */
export function useCall<T>(path: string, options: UseCallOptions = {}): CallState<T> {
  const { enabled = true, everyMs = 0 } = options;
  const [state, setState] = useState<Omit<CallState<T>, 'reload' | 'cancel'>>({
    answer: null,
    error: null,
    loading: enabled,
    startedAt: performance.now(),
  });
  const [round, setRound] = useState(0);
  const running = useRef<AbortController | null>(null);
  const latest = useRef(options);
  latest.current = options;
  const key = `${options.method ?? 'GET'} ${path}?${encodeParams(options.params)}`;
  const lastKey = useRef(key);
  const answered = useRef(false);

  useEffect(() => {
    if (!enabled) return;
    const control = new AbortController();
    running.current = control;
    // What belongs to other parameters is not shown as the answer to these.
    const same = lastKey.current === key;
    lastKey.current = key;
    const startedAt = performance.now();
    const show = (): void =>
      setState((old) => ({
        answer: same ? old.answer : null,
        error: same ? old.error : null,
        loading: true,
        startedAt,
      }));
    // What is there is dimmed only when the next answer takes its time: no flicker while polling.
    const patience = same && answered.current ? setTimeout(show, PATIENCE_MS) : (show(), 0);
    const ended = (): void => {
      clearTimeout(patience);
      if (running.current === control) running.current = null;
    };
    call<T>(path, { ...latest.current, signal: control.signal }).then(
      (answer) => {
        if (control.signal.aborted) return;
        ended();
        answered.current = true;
        setState((old) => ({ ...old, answer, error: null, loading: false }));
      },
      (error: unknown) => {
        if (running.current !== control) return;
        ended();
        answered.current = false;
        const shown = error instanceof ApiError ? error : new ApiError('format', String(error));
        setState((old) => ({ ...old, error: shown, loading: false }));
      },
    );
    return () => {
      ended();
      control.abort();
    };
  }, [key, enabled, round]);

  useEffect(() => {
    if (!enabled || everyMs <= 0) return;
    const timer = setInterval(() => {
      // A slow server is not asked again before it has answered.
      if (document.visibilityState === 'visible' && !running.current) setRound((n) => n + 1);
    }, everyMs);
    return () => clearInterval(timer);
  }, [enabled, everyMs]);

  const reload = useCallback(() => setRound((n) => n + 1), []);
  const cancel = useCallback(() => running.current?.abort(), []);
  return { ...state, reload, cancel };
}
