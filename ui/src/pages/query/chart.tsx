// Lines and stacked areas.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { LabelSet } from '../../components/controls';
import { formatSi } from '../../lib/format';
import { formatTime, zoneName } from '../../lib/time';
import { xAxis, yAxis } from './chart_axes';
import { cursorBind, drawPanned, type InputActions, isPanning, listenToWheel } from './chart_input';
import type { Stroke } from './colours';
import { type Exemplar, traceHref, traceIdOf } from './exemplars';
import { stack } from './heat';
import type { GraphData, GraphSeries } from './result';
import { SeriesName } from './series_name';
import type { Draw, YAxis } from './url_state';

export interface ChartProps {
  data: GraphData;
  strokes: readonly Stroke[];
  /** One per series. */
  visible: readonly boolean[];
  /** The series that the legend points at; -1 none. */
  highlight: number;
  stacked: boolean;
  draw: Draw;
  yAxis: YAxis;
  yMin: number | null;
  yMax: number | null;
  zone: string;
  dark: boolean;
  height: number;
  exemplars: readonly Exemplar[];
  traceUrlTemplate: string;
  actions: InputActions;
  /** Told which series the pointer is near; -1 none. */
  onNear: (series: number) => void;
  /** Given the plot, for pictures of it. */
  handle: (plot: uPlot | null) => void;
}

interface Hover {
  /** CSS pixels inside of the plot. */
  left: number;
  top: number;
  index: number;
  series: number;
  exemplar: Exemplar | null;
}

const NEAR_PX = 40;

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

// What is drawn: the values themselves, or sums of what lies below. Infinities cannot be drawn.
function columns(props: ChartProps): (number | null)[][] {
  const { data, stacked, visible, yAxis: axis } = props;
  const drawable = (value: number | null): number | null =>
    value === null || !Number.isFinite(value) || (axis === 'log' && !stacked && value <= 0)
      ? null
      : value;
  const values = data.series.map(({ values: all }) => all.map(drawable));
  if (!stacked) return values;
  const shown = values.filter((_, i) => visible[i]);
  const sums = stack(shown);
  let at = 0;
  return values.map((own, i) => (visible[i] ? (sums[at++] ?? own) : own));
}

function bandsOf(visible: readonly boolean[]): uPlot.Band[] {
  const shown = visible.flatMap((on, i) => (on ? [i + 1] : []));
  return shown.slice(1).map((upper, i) => ({ series: [upper, shown[i]!] }));
}

function seriesOptions(props: ChartProps): uPlot.Series[] {
  const { linear, stepped } = uPlot.paths;
  const build = props.draw === 'step' ? stepped!({ align: 1 }) : linear!();
  const paths: uPlot.Series.PathBuilder = (u, i, from, to) =>
    isPanning(u) ? null : build(u, i, from, to);
  return props.data.series.map((one, i) => {
    const { colour, dash } = props.strokes[i] ?? { colour: '#888', dash: [] };
    return {
      label: one.name,
      show: props.visible[i] ?? true,
      stroke: colour,
      width: props.draw === 'points' ? 0 : 1.5,
      ...(dash.length > 0 && props.draw !== 'points' ? { dash } : {}),
      ...(props.stacked ? { fill: colour + '40' } : {}),
      paths,
      points: {
        show: (u: uPlot) => props.draw === 'points' && !isPanning(u),
        size: 4,
        fill: colour,
        filter: (u: uPlot, _i: number, show: boolean) => (show || isPanning(u) ? null : one.lonely),
      },
    };
  });
}

function scaleY(props: ChartProps): uPlot.Scale {
  // Moving must not change the height of what is moved.
  const auto = (u: uPlot): boolean => !isPanning(u);
  if (props.yAxis === 'log') return { distr: 3, log: 10, auto };
  return {
    auto,
    range: (_u, low, high) => {
      if (props.yAxis === 'fixed') {
        const min = props.yMin ?? low ?? 0;
        const max = props.yMax ?? high ?? 1;
        return min < max ? [min, max] : [min, min + 1];
      }
      if (low === null || high === null) return [0, 1];
      const zero = props.yAxis === 'zero' || props.stacked;
      const min = zero ? Math.min(0, low) : low;
      const max = zero ? Math.max(0, high) : high;
      if (min === max) {
        const pad = Math.abs(min) * 0.1 || 1;
        return [zero && min >= 0 ? 0 : min - pad, max + pad];
      }
      const pad = (max - min) * 0.06;
      return [zero && min === 0 ? 0 : min - pad, zero && max === 0 ? 0 : max + pad];
    },
  };
}

/** Index of the series whose line is nearest to the pointer, -1 when none is near. */
export function nearestSeries(u: uPlot, index: number, top: number): number {
  let best = -1;
  let least = NEAR_PX;
  for (let i = 1; i < u.series.length; ++i) {
    if (!u.series[i]?.show) continue;
    const value = u.data[i]?.[index];
    if (value === null || value === undefined) continue;
    const distance = Math.abs(u.valToPos(value, 'y') - top);
    if (distance < least) {
      least = distance;
      best = i - 1;
    }
  }
  return best;
}

// One series again, thicker, on a canvas above the plot: cheap, whatever else is drawn.
function drawHighlight(u: uPlot, canvas: HTMLCanvasElement, series: number, colour: string): void {
  const ratio = devicePixelRatio;
  const { clientWidth: width, clientHeight: height } = u.over;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const ctx = canvas.getContext('2d');
  if (!ctx) return;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, width, height);
  const column = series >= 0 ? u.data[series + 1] : undefined;
  if (!column || !u.series[series + 1]?.show) return;
  ctx.strokeStyle = colour;
  ctx.lineWidth = 3;
  ctx.lineJoin = 'round';
  ctx.beginPath();
  let open = false;
  u.data[0].forEach((x, i) => {
    const value = column[i];
    if (value === null || value === undefined) {
      open = false;
      return;
    }
    const left = u.valToPos(x, 'x');
    const top = u.valToPos(value, 'y');
    if (open) ctx.lineTo(left, top);
    else ctx.moveTo(left, top);
    open = true;
  });
  ctx.stroke();
  const index = u.cursor.idx;
  const value = index === null || index === undefined ? null : column[index];
  if (index === null || index === undefined || value === null || value === undefined) return;
  ctx.fillStyle = colour;
  ctx.beginPath();
  ctx.arc(u.valToPos(u.data[0][index]!, 'x'), u.valToPos(value, 'y'), 4.5, 0, 7);
  ctx.fill();
}

// Where an exemplar is drawn, in CSS pixels inside of the plot; at the edge when it lies outside.
function exemplarSpot(u: uPlot, one: Exemplar): [number, number] | null {
  const left = u.valToPos(one.at, 'x');
  if (left < 0 || left > u.over.clientWidth) return null;
  const top = u.valToPos(one.value, 'y');
  const height = u.over.clientHeight;
  return [left, Number.isFinite(top) ? Math.max(5, Math.min(height - 5, top)) : height - 5];
}

function drawExemplars(u: uPlot, all: readonly Exemplar[], fill: string, edge: string): void {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  for (const one of all) {
    const spot = exemplarSpot(u, one);
    if (!spot) continue;
    const x = u.bbox.left + spot[0] * ratio;
    const y = u.bbox.top + spot[1] * ratio;
    const r = 6 * ratio;
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.fillStyle = fill;
    ctx.strokeStyle = edge;
    ctx.fill();
    ctx.stroke();
  }
  ctx.restore();
}

function nearestExemplar(
  u: uPlot,
  all: readonly Exemplar[],
  left: number,
  top: number,
): Exemplar | null {
  let best: Exemplar | null = null;
  let least = 10;
  for (const one of all) {
    const spot = exemplarSpot(u, one);
    if (!spot) continue;
    const distance = Math.hypot(spot[0] - left, spot[1] - top);
    if (distance < least) {
      least = distance;
      best = one;
    }
  }
  return best;
}

function Tooltip({ hover, props, width }: { hover: Hover; props: ChartProps; width: number }) {
  const { data, strokes, zone } = props;
  const series: GraphSeries | undefined = data.series[hover.series];
  const x = hover.exemplar?.at ?? data.xs[hover.index];
  if (x === undefined || (!series && !hover.exemplar)) return null;
  const right = hover.left > width / 2;
  const place = {
    top: `${Math.max(0, hover.top + 14)}px`,
    ...(right ? { right: `${width - hover.left + 14}px` } : { left: `${hover.left + 14}px` }),
  };
  const value = series?.values[hover.index];
  const trace = hover.exemplar ? traceIdOf(hover.exemplar.labels) : '';
  return (
    <div class="chart-tip" style={place}>
      <div class="muted">
        {formatTime(x * 1000, zone, x % 1 !== 0)} {zoneName(zone)}
      </div>
      {hover.exemplar ? (
        <>
          <div>
            <strong>Exemplar</strong> {String(hover.exemplar.value)}
          </div>
          <LabelSet labels={hover.exemplar.labels} />
          <SeriesName labels={hover.exemplar.seriesLabels} />
          {traceHref(props.traceUrlTemplate, trace) && (
            <div class="muted">Click opens the trace</div>
          )}
        </>
      ) : (
        series && (
          <>
            <div class="tip-value">
              <span class="swatch" style={{ background: strokes[hover.series]?.colour }} />
              <strong>{value === null || value === undefined ? 'no sample' : String(value)}</strong>
              {value !== null && value !== undefined && Math.abs(value) >= 10_000 && (
                <span class="muted"> {formatSi(value)}</span>
              )}
            </div>
            <SeriesName labels={series.labels} />
          </>
        )
      )}
    </div>
  );
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const overlay = useRef<HTMLCanvasElement | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<Hover | null>(null);
  const table = useMemo(
    () => [props.data.xs, ...columns(props)] as uPlot.AlignedData,
    // Which are shown changes what a stack holds.
    [props.data, props.stacked, props.yAxis, props.stacked ? props.visible : null],
  );

  const redrawHighlight = (): void => {
    const u = plot.current;
    const now = latest.current;
    if (!u || !overlay.current) return;
    drawHighlight(u, overlay.current, now.highlight, now.strokes[now.highlight]?.colour ?? '#888');
  };
  const onCursor = (u: uPlot): void => {
    const { left = -1, top = -1, idx } = u.cursor;
    const now = latest.current;
    // Another panel's cursor moves ours, but only the one under the pointer shows a card.
    const here = u.over.matches(':hover');
    if (!here || left < 0 || top < 0 || idx === null || idx === undefined) {
      setHover(null);
      now.onNear(-1);
      return;
    }
    const exemplar = nearestExemplar(u, now.exemplars, left, top);
    const series = exemplar ? -1 : nearestSeries(u, idx, top);
    setHover({
      left: left + u.over.offsetLeft,
      top: top + u.over.offsetTop,
      index: idx,
      series,
      exemplar,
    });
    now.onNear(series);
  };

  // The plot is made anew when what it is made of changes; sizes and visibility are not.
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const colours = tokens(element);
    const make = (): uPlot =>
      new uPlot(
        {
          width: Math.max(200, element.clientWidth),
          height: props.height,
          padding: [10, 12, 0, 0],
          legend: { show: false },
          series: [{}, ...seriesOptions(props)],
          bands: props.stacked ? bandsOf(props.visible) : [],
          scales: {
            x: { time: true, range: (_u, min, max) => [min, max > min ? max : min + 1] },
            y: scaleY(props),
          },
          axes: [xAxis(colours, () => latest.current.zone), yAxis(colours)],
          cursor: {
            points: { show: false },
            drag: { x: true, y: false, setScale: false },
            sync: { key: 'query', scales: ['x', null] },
            bind: cursorBind({
              onRange: (from, to) => latest.current.actions.onRange(from, to),
              onBack: () => latest.current.actions.onBack(),
            }),
          },
          hooks: {
            setCursor: [onCursor],
            setSelect: [
              (u) => {
                const { left, width } = u.select;
                if (width < 4) return;
                const [from, to] = [u.posToVal(left, 'x'), u.posToVal(left + width, 'x')];
                u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
                latest.current.actions.onRange(from, to);
              },
            ],
            draw: [
              (u) => {
                drawPanned(u);
                if (isPanning(u)) return;
                if (latest.current.exemplars.length > 0) {
                  drawExemplars(u, latest.current.exemplars, colours.strong, colours.surface);
                }
                redrawHighlight();
              },
            ],
          },
        },
        table,
        element,
      );
    const u = make();
    const canvas = document.createElement('canvas');
    canvas.className = 'chart-overlay';
    u.over.append(canvas);
    u.over.addEventListener('click', (event) => {
      const now = latest.current;
      const box = u.over.getBoundingClientRect();
      const one = nearestExemplar(
        u,
        now.exemplars,
        event.clientX - box.left,
        event.clientY - box.top,
      );
      const href = one ? traceHref(now.traceUrlTemplate, traceIdOf(one.labels)) : '';
      if (href) window.open(href, '_blank', 'noopener,noreferrer');
    });
    listenToWheel(u, {
      onRange: (from, to) => latest.current.actions.onRange(from, to),
      onBack: () => latest.current.actions.onBack(),
    });
    overlay.current = canvas;
    plot.current = u;
    props.handle(u);
    const sizes = new ResizeObserver(() => {
      const width = Math.max(200, element.clientWidth);
      if (width !== u.width) u.setSize({ width, height: latest.current.height });
    });
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      props.handle(null);
      plot.current = null;
      overlay.current = null;
      setHover(null);
      u.destroy();
    };
  }, [
    table,
    props.strokes,
    props.draw,
    props.stacked,
    props.yAxis,
    props.yMin,
    props.yMax,
    props.dark,
    props.height,
    props.stacked ? props.visible : null,
  ]);

  useEffect(() => {
    const u = plot.current;
    if (!u || props.stacked) return;
    u.batch(() => {
      props.visible.forEach((show, i) => {
        if (u.series[i + 1]?.show !== show) u.setSeries(i + 1, { show }, false);
      });
    });
  }, [props.visible]);
  useEffect(redrawHighlight, [props.highlight, hover?.index]);
  useEffect(() => plot.current?.redraw(false, true), [props.zone, props.exemplars]);

  return (
    <div
      class="chart"
      onMouseLeave={() => {
        setHover(null);
        props.onNear(-1);
      }}
    >
      <div ref={host} class="chart-host" style={{ height: `${props.height}px` }} />
      {hover && (hover.series >= 0 || hover.exemplar) && (
        <Tooltip hover={hover} props={props} width={host.current?.clientWidth ?? 0} />
      )}
    </div>
  );
}
