// Mouse and wheel on a plot: Shift+drag moves, Ctrl+wheel zooms at the pointer, double click goes
// back. Dragging alone selects a range: uPlot does that itself.
import type uPlot from 'uplot';

export interface InputActions {
  /** Seconds; the user is done moving or zooming. */
  onRange: (from: number, to: number) => void;
  onBack: () => void;
}

const SETTLE_MS = 250;

/** Moves the shown range with the pointer until the button is released. */
function pan(u: uPlot, event: MouseEvent, actions: InputActions): void {
  const { min = 0, max = 0 } = u.scales['x'] ?? {};
  const from = Number(min);
  const to = Number(max);
  const perPixel = (to - from) / Math.max(1, u.over.clientWidth);
  const startX = event.clientX;
  let shift = 0;
  let frame = 0;
  const show = (): void => {
    frame = 0;
    u.setScale('x', { min: from + shift, max: to + shift });
  };
  const move = (e: MouseEvent): void => {
    shift = (startX - e.clientX) * perPixel;
    if (frame === 0) frame = requestAnimationFrame(show);
  };
  const end = (): void => {
    document.removeEventListener('mousemove', move);
    document.removeEventListener('mouseup', end);
    cancelAnimationFrame(frame);
    u.over.classList.remove('panning');
    if (shift !== 0) actions.onRange(from + shift, to + shift);
  };
  u.over.classList.add('panning');
  document.addEventListener('mousemove', move);
  document.addEventListener('mouseup', end);
  event.preventDefault();
}

/** What uPlot's own listeners become. */
export function cursorBind(actions: InputActions): uPlot.Cursor.Bind {
  return {
    mousedown: (u, _target, handler) => (event: MouseEvent) => {
      if (event.button === 0 && event.shiftKey) pan(u, event, actions);
      else handler(event);
      return null;
    },
    dblclick: () => () => {
      actions.onBack();
      return null;
    },
  };
}

/** Zooms with Ctrl or Cmd and the wheel; asks for the new range when the wheel rests. */
export function listenToWheel(u: uPlot, actions: InputActions): void {
  let timer = 0;
  u.over.addEventListener(
    'wheel',
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { min = 0, max = 0 } = u.scales['x'] ?? {};
      const from = Number(min);
      const to = Number(max);
      const share = (event.clientX - u.over.getBoundingClientRect().left) / u.over.clientWidth;
      const factor = Math.exp(Math.max(-0.5, Math.min(0.5, event.deltaY / 300)));
      const length = (to - from) * factor;
      const at = from + (to - from) * share;
      const range = { min: at - length * share, max: at + length * (1 - share) };
      if (range.max - range.min < 1) return;
      u.setScale('x', range);
      clearTimeout(timer);
      timer = window.setTimeout(() => actions.onRange(range.min, range.max), SETTLE_MS);
    },
    { passive: false },
  );
}

/** Keys on the plot; false when the key is none of ours. */
export function chartKey(key: string, range: [number, number], actions: InputActions & {
  onReset: () => void;
  onToggle: (what: 'legend' | 'stacked' | 'zero' | 'table') => void;
}): boolean {
  const [from, to] = range;
  const length = to - from;
  const toggles = { l: 'legend', s: 'stacked', y: 'zero', t: 'table' } as const;
  if (key === 'ArrowLeft') actions.onRange(from - length / 4, to - length / 4);
  else if (key === 'ArrowRight') actions.onRange(from + length / 4, to + length / 4);
  else if (key === '+' || key === '=') actions.onRange(from + length / 4, to - length / 4);
  else if (key === '-') actions.onRange(from - length / 2, to + length / 2);
  else if (key === '0') actions.onReset();
  else if (key in toggles) actions.onToggle(toggles[key as keyof typeof toggles]);
  else return false;
  return true;
}
