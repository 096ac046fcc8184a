// Mouse and wheel on a plot: Shift+drag moves, Ctrl+wheel zooms at the pointer, double click goes
// back. Dragging alone selects a range: uPlot does that itself.
import type uPlot from 'uplot';

export interface InputActions {
  /** Seconds; the user is done moving or zooming. */
  onRange: (from: number, to: number) => void;
  onBack: () => void;
}

const SETTLE_MS = 250;

interface Panning {
  /** What the plot showed when moving began, its grid included. */
  picture: HTMLCanvasElement;
  /** Seconds that it has moved since. */
  shift: number;
  perPixel: number;
}

const panning = new WeakMap<uPlot, Panning>();

/** While a plot is moved its series are not drawn: their picture is shifted. */
export const isPanning = (u: uPlot): boolean => panning.has(u);

/** The picture, where it has been moved to; for the `draw` hook. */
export function drawPanned(u: uPlot): void {
  const now = panning.get(u);
  if (!now) return;
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  const by = Math.round((now.shift / now.perPixel) * devicePixelRatio);
  u.ctx.drawImage(now.picture, left - by, top);
  u.ctx.restore();
}

function pictureOf(u: uPlot): HTMLCanvasElement {
  const { left, top, width, height } = u.bbox;
  const picture = document.createElement('canvas');
  picture.width = width;
  picture.height = height;
  picture.getContext('2d')?.drawImage(u.ctx.canvas, left, top, width, height, 0, 0, width, height);
  return picture;
}

/** Moves the shown range with the pointer until the button is released. */
function pan(u: uPlot, event: MouseEvent, actions: InputActions): void {
  const { min = 0, max = 0 } = u.scales['x'] ?? {};
  const from = Number(min);
  const to = Number(max);
  const perPixel = (to - from) / Math.max(1, u.over.clientWidth);
  const state: Panning = { picture: pictureOf(u), shift: 0, perPixel };
  panning.set(u, state);
  const startX = event.clientX;
  let frame = 0;
  const show = (): void => {
    frame = 0;
    u.setScale('x', { min: from + state.shift, max: to + state.shift });
  };
  const move = (e: MouseEvent): void => {
    state.shift = (startX - e.clientX) * perPixel;
    if (frame === 0) frame = requestAnimationFrame(show);
  };
  const end = (): void => {
    document.removeEventListener('mousemove', move);
    document.removeEventListener('mouseup', end);
    cancelAnimationFrame(frame);
    panning.delete(u);
    u.over.classList.remove('panning');
    u.setScale('x', { min: from + state.shift, max: to + state.shift });
    if (state.shift !== 0) actions.onRange(from + state.shift, to + state.shift);
  };
  u.over.classList.add('panning');
  document.addEventListener('mousemove', move);
  document.addEventListener('mouseup', end);
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
export function chartKey(
  key: string,
  range: [number, number],
  actions: InputActions & {
    onReset: () => void;
    onToggle: (what: 'legend' | 'stacked' | 'zero' | 'table') => void;
  },
): boolean {
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
