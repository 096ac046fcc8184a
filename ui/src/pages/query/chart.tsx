// Lines and stacked areas.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { LabelSet } from '../../components/controls';
import { formatSi } from '../../lib/format';
import { formatTime, zoneName } from '../../lib/time';
import { xAxis, yAxis } from './chart_axes';
import { type InputActions, isPanning } from './chart_input';
import type { Stroke } from './colours';
import { type Exemplar, traceHref, traceIdOf } from './exemplars';
import { stack } from './heat';
import { createPlot, tipPlace, tokens } from './plot';
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
  const value = series?.values[hover.index];
  const trace = hover.exemplar ? traceIdOf(hover.exemplar.labels) : '';
  return (
    <div class="chart-tip" style={tipPlace(hover.left, hover.top, width)}>
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

// The plot with the canvas above it, and exemplars that lead to traces.
function createChart(
  element: HTMLElement,
  table: uPlot.AlignedData,
  latest: () => ChartProps,
  onHover: (hover: Hover | null) => void,
) {
  const props = latest();
  const colours = tokens(element);
  const overlay = document.createElement('canvas');
  overlay.className = 'chart-overlay';
  const highlight = (u: uPlot): void => {
    const { highlight: series, strokes } = latest();
    drawHighlight(u, overlay, series, strokes[series]?.colour ?? '#888');
  };
  const { plot, destroy } = createPlot({
    element,
    height: props.height,
    data: table,
    series: [{}, ...seriesOptions(props)],
    bands: props.stacked ? bandsOf(props.visible) : [],
    scales: {
      x: { time: true, range: (_u, min, max) => [min, max > min ? max : min + 1] },
      y: scaleY(props),
    },
    axes: [xAxis(colours, () => latest().zone), yAxis(colours)],
    actions: () => latest().actions,
    onPointer: (u, at) => {
      if (!at) return onHover(null);
      const { left, top, index } = at;
      const exemplar = nearestExemplar(u, latest().exemplars, left, top);
      const series = exemplar ? -1 : nearestSeries(u, index, top);
      const { offsetLeft, offsetTop } = u.over;
      return onHover({ left: left + offsetLeft, top: top + offsetTop, index, series, exemplar });
    },
    onDraw: (u) => {
      const { exemplars } = latest();
      if (exemplars.length > 0) drawExemplars(u, exemplars, colours.strong, colours.surface);
      highlight(u);
    },
  });
  plot.over.append(overlay);
  plot.over.addEventListener('click', (event) => openTrace(plot, event, latest()));
  return { plot, destroy, highlight: () => highlight(plot) };
}

function openTrace(u: uPlot, event: MouseEvent, { exemplars, traceUrlTemplate }: ChartProps): void {
  const box = u.over.getBoundingClientRect();
  const one = nearestExemplar(u, exemplars, event.clientX - box.left, event.clientY - box.top);
  const href = one ? traceHref(traceUrlTemplate, traceIdOf(one.labels)) : '';
  if (href) window.open(href, '_blank', 'noopener,noreferrer');
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<typeof createChart> | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [hover, setHover] = useState<Hover | null>(null);
  // Which are shown changes what a stack holds; lines are only hidden.
  const inStack = props.stacked ? props.visible : null;
  const table = useMemo(
    () => [props.data.xs, ...columns(props)] as uPlot.AlignedData,
    [props.data, props.stacked, props.yAxis, inStack],
  );
  const { strokes, draw, stacked, yAxis: axis, yMin, yMax, dark, height } = props;
  const onHover = (next: Hover | null): void => {
    setHover(next);
    latest.current.onNear(next?.series ?? -1);
  };

  // The plot is made anew when what it is made of changes; sizes and visibility are not.
  useEffect(() => {
    if (!host.current) return;
    const made = createChart(host.current, table, () => latest.current, onHover);
    chart.current = made;
    props.handle(made.plot);
    return () => {
      props.handle(null);
      chart.current = null;
      setHover(null);
      made.destroy();
    };
  }, [table, strokes, draw, stacked, axis, yMin, yMax, dark, height, inStack]);

  useEffect(() => {
    const u = chart.current?.plot;
    if (!u || stacked) return;
    u.batch(() => {
      props.visible.forEach((show, i) => {
        if (u.series[i + 1]?.show !== show) u.setSeries(i + 1, { show }, false);
      });
    });
  }, [props.visible]);
  useEffect(() => chart.current?.highlight(), [props.highlight, hover?.index]);
  useEffect(() => chart.current?.plot.redraw(false, true), [props.zone, props.exemplars]);

  return (
    <div class="chart" onMouseLeave={() => onHover(null)}>
      <div ref={host} class="chart-host" style={{ height: `${height}px` }} />
      {hover && (hover.series >= 0 || hover.exemplar) && (
        <Tooltip hover={hover} props={props} width={host.current?.clientWidth ?? 0} />
      )}
    </div>
  );
}
