// Zooming into a graph, and back.
import { useRef } from 'preact/hooks';
import type { Change } from './controls';
import type { PanelState } from './url_state';

const RANGE_MIN_MS = 1000;

export interface Zoom {
  to: (fromMs: number, toMs: number) => void;
  /** One zoom back. */
  back: () => void;
  /** To what was shown before the first. */
  reset: () => void;
}

const wholeSeconds = (ms: number): number => Math.round(ms / 1000) * 1000;

export function useZoom(panel: PanelState, onChange: Change): Zoom {
  const before = useRef<{ rangeMs: number; endMs: number | null }[]>([]);
  return {
    to(fromMs, toMs) {
      before.current.push({ rangeMs: panel.rangeMs, endMs: panel.endMs });
      const rangeMs = Math.max(RANGE_MIN_MS, wholeSeconds(toMs - fromMs));
      onChange({ rangeMs, endMs: wholeSeconds(toMs) });
    },
    back() {
      const last = before.current.pop();
      if (last) onChange(last);
    },
    reset() {
      const first = before.current[0];
      before.current = [];
      if (first) onChange(first);
    },
  };
}
