// The text of a panel while it is typed: it takes effect when it is run.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call } from '../../api/client';
import { history } from './history';

export interface Draft {
  text: string;
  /** Changes when the text was set by something else than typing. */
  version: number;
  formatError: ApiError | null;
  typed: (text: string) => void;
  set: (text: string) => void;
  format: () => void;
  /** -1: an earlier expression of the history, 1: a later one. */
  fromHistory: (direction: -1 | 1) => void;
  /** It was run: the history begins anew. */
  settled: () => void;
}

/** `current` always holds the text: between typing and drawing there is time for an Enter. */
export function useDraft(expr: string, current: { current: string }): Draft {
  const [text, setText] = useState(expr);
  const [version, setVersion] = useState(0);
  const [formatError, setFormatError] = useState<ApiError | null>(null);
  const at = useRef(-1);
  const typed = (next: string): void => {
    current.current = next;
    setText(next);
  };
  const set = (next: string): void => {
    typed(next);
    setVersion((n) => n + 1);
  };
  useLayoutEffect(() => set(expr), [expr]);
  const format = (): void => {
    const asked = current.current;
    const params = { query: asked };
    call<unknown>('api/v1/format_query', { method: 'POST', params, timeoutMs: 15_000 }).then(
      ({ data }) => {
        setFormatError(null);
        // Not over what was typed meanwhile.
        if (typeof data === 'string' && current.current === asked) set(data);
      },
      (why: unknown) => {
        setFormatError(why instanceof ApiError ? why : new ApiError('format', String(why)));
      },
    );
  };
  const fromHistory = (direction: -1 | 1): void => {
    const list = history.get();
    at.current = Math.max(-1, Math.min(list.length - 1, at.current - direction));
    set(at.current < 0 ? expr : (list[at.current] ?? ''));
  };
  const settled = (): void => {
    at.current = -1;
    setFormatError(null);
  };
  return { text, version, formatError, typed, set, format, fromHistory, settled };
}
