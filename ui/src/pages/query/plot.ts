// What every plot of the page has: its size, selecting, moving and zooming, one cursor for all.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { cursorBind, drawPanned, type InputActions, isPanning, listenToWheel } from './chart_input';

export interface PlotOptions {
  element: HTMLElement;
  height: number;
  data: uPlot.AlignedData;
  series: uPlot.Series[];
  bands?: uPlot.Band[];
  scales: uPlot.Scales;
  axes: uPlot.Axis[];
  /** Asked anew each time: they change while the plot stays. */
  actions: () => InputActions;
  /** The pointer's place inside of the plot; null when it is elsewhere. */
  onPointer: (u: uPlot, at: { left: number; top: number; index: number } | null) => void;
  /** Above what uPlot draws; not while the plot is moved. */
  onDraw: (u: uPlot) => void;
}

const WIDTH_MIN = 200;
const SELECT_MIN = 4;

function onCursor(u: uPlot, options: PlotOptions): void {
  const { left = -1, top = -1, idx } = u.cursor;
  // Another panel's cursor moves ours, but only the one under the pointer shows a card.
  const here = u.over.matches(':hover') && left >= 0 && top >= 0;
  const index = idx ?? -1;
  options.onPointer(u, here && index >= 0 ? { left, top, index } : null);
}

function onSelect(u: uPlot, actions: InputActions): void {
  const { left, width } = u.select;
  if (width < SELECT_MIN) return;
  const [from, to] = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')];
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  actions.onRange(from, to);
}

function uplotOptions(options: PlotOptions, actions: InputActions, width: number): uPlot.Options {
  return {
    width,
    height: options.height,
    padding: [10, 12, 0, 0],
    legend: { show: false },
    series: options.series,
    bands: options.bands ?? [],
    scales: options.scales,
    axes: options.axes,
    cursor: {
      points: { show: false },
      drag: { x: true, y: false, setScale: false },
      sync: { key: 'query', scales: ['x', null] },
      bind: cursorBind(actions),
    },
    hooks: {
      setCursor: [(u) => onCursor(u, options)],
      setSelect: [(u) => onSelect(u, actions)],
      draw: [(u) => (isPanning(u) ? drawPanned(u) : options.onDraw(u))],
    },
  };
}

/** A plot that fills the width of its element; `destroy` takes it away. */
export function createPlot(options: PlotOptions): { plot: uPlot; destroy: () => void } {
  const { element, height, data } = options;
  const actions: InputActions = {
    onRange: (from, to) => options.actions().onRange(from, to),
    onBack: () => options.actions().onBack(),
  };
  const widthNow = (): number => Math.max(WIDTH_MIN, element.clientWidth);
  const plot = new uPlot(uplotOptions(options, actions, widthNow()), data, element);
  listenToWheel(plot, actions);
  const sizes = new ResizeObserver(() => {
    const width = widthNow();
    if (width !== plot.width) plot.setSize({ width, height });
  });
  sizes.observe(element);
  return {
    plot,
    destroy: () => {
      sizes.disconnect();
      plot.destroy();
    },
  };
}

/** Colours of the theme as the canvas needs them. */
export function tokens(element: Element) {
  const style = getComputedStyle(element);
  const of = (name: string): string => style.getPropertyValue(name).trim() || '#888';
  return {
    text: of('--muted'),
    grid: of('--grid'),
    strong: of('--text'),
    surface: of('--surface'),
  };
}

/** Where a card beside the pointer stands, in CSS pixels; on the side that has room. */
export function tipPlace(left: number, top: number, width: number): Record<string, string> {
  const side: Record<string, string> =
    left > width / 2 ? { right: `${width - left + 14}px` } : { left: `${left + 14}px` };
  return { top: `${Math.max(0, top + 14)}px`, ...side };
}
