// Histograms over time: one column per step, one row per bucket, the darker the more.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatSi } from '../../lib/format';
import { formatTime, zoneName } from '../../lib/time';
import { tokens } from './chart';
import { xAxis, yAxis } from './chart_axes';
import { cursorBind, drawPanned, type InputActions, isPanning, listenToWheel } from './chart_input';
import { type HeatData, heatOf } from './heat';
import type { GraphData } from './result';

const SHADES = 24;

// From the background's side to the strong end, in even steps of lightness.
function shades(dark: boolean): string[] {
  return Array.from({ length: SHADES }, (_, i) => {
    const t = i / (SHADES - 1);
    const hue = dark ? 262 + 110 * t : 265 + 75 * t;
    const light = dark ? 24 + 54 * t : 88 - 56 * t;
    return `hsl(${Math.round(hue % 360)} ${Math.round(50 + 30 * t)}% ${Math.round(light)}%)`;
  });
}

/** Which shade a count has; -1 for none. The square root keeps small counts visible. */
export function shadeOf(count: number | null, max: number): number {
  if (count === null || !(count > 0) || !(max > 0)) return -1;
  return Math.min(SHADES - 1, Math.floor(Math.sqrt(count / max) * SHADES));
}

function drawCells(u: uPlot, heat: HeatData, colours: readonly string[]): void {
  const { ctx, bbox } = u;
  const step = (heat.xs[1] ?? heat.xs[0]! + 1) - heat.xs[0]!;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  // By shade: a change of the fill costs more than a rectangle.
  const paths = colours.map(() => new Path2D());
  const lefts = heat.xs.map((x) => Math.round(u.valToPos(x - step / 2, 'x', true)));
  const rights = heat.xs.map((x) => Math.round(u.valToPos(x + step / 2, 'x', true)));
  heat.counts.forEach((row, r) => {
    const top = Math.round(u.valToPos(r + 1, 'y', true));
    const height = Math.max(1, Math.round(u.valToPos(r, 'y', true)) - top);
    row.forEach((count, i) => {
      const shade = shadeOf(count, heat.max);
      if (shade < 0) return;
      paths[shade]!.rect(lefts[i]!, top, Math.max(1, rights[i]! - lefts[i]!), height);
    });
  });
  paths.forEach((path, i) => {
    ctx.fillStyle = colours[i]!;
    ctx.fill(path);
  });
  ctx.restore();
}

interface Cell {
  left: number;
  top: number;
  x: number;
  row: number;
}

export function HeatChart({
  data,
  zone,
  dark,
  height,
  actions,
  handle,
}: {
  data: GraphData;
  zone: string;
  dark: boolean;
  height: number;
  actions: InputActions;
  handle: (plot: uPlot | null) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef({ actions, zone });
  latest.current = { actions, zone };
  const heat = useMemo(() => heatOf(data), [data]);
  const [cell, setCell] = useState<Cell | null>(null);
  useEffect(() => {
    const element = host.current;
    if (!element || heat.xs.length === 0) return;
    const colours = tokens(element);
    const palette = shades(dark);
    const half = ((heat.xs[1] ?? heat.xs[0]! + 1) - heat.xs[0]!) / 2;
    // Ticks are the bounds between rows.
    const boundAt = (row: number): string => {
      const edge = row <= 0 ? heat.rows[0]?.low : heat.rows[row - 1]?.high;
      return edge === undefined ? '' : formatSi(edge, 3);
    };
    const u = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height,
        padding: [10, 12, 0, 0],
        legend: { show: false },
        series: [{}, { paths: () => null, points: { show: false } }],
        scales: {
          x: { time: true, range: (_u, min, max) => [min - half, max + half] },
          y: { range: [0, Math.max(1, heat.rows.length)] },
        },
        axes: [
          xAxis(colours, () => latest.current.zone),
          {
            ...yAxis(colours),
            incrs: [1, 2, 5, 10, 20, 50],
            values: (_u, splits) =>
              splits.map((row) => (Number.isInteger(row) ? boundAt(row) : '')),
            grid: { show: false },
          },
        ],
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
          draw: [(plot) => (isPanning(plot) ? drawPanned(plot) : drawCells(plot, heat, palette))],
          setCursor: [
            (plot) => {
              const { left = -1, top = -1, idx } = plot.cursor;
              const here = plot.over.matches(':hover') && left >= 0 && top >= 0;
              if (!here || idx === null || idx === undefined) {
                setCell(null);
                return;
              }
              const row = Math.floor(plot.posToVal(top, 'y'));
              setCell({
                left: left + plot.over.offsetLeft,
                top: top + plot.over.offsetTop,
                x: idx,
                row,
              });
            },
          ],
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width < 4) return;
              const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
              plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
              latest.current.actions.onRange(from, to);
            },
          ],
        },
      },
      [heat.xs, heat.xs.map(() => null)] as uPlot.AlignedData,
      element,
    );
    listenToWheel(u, {
      onRange: (a, b) => latest.current.actions.onRange(a, b),
      onBack: () => latest.current.actions.onBack(),
    });
    handle(u);
    const sizes = new ResizeObserver(() => {
      const width = Math.max(200, element.clientWidth);
      if (width !== u.width) u.setSize({ width, height });
    });
    sizes.observe(element);
    return () => {
      sizes.disconnect();
      handle(null);
      setCell(null);
      u.destroy();
    };
  }, [heat, dark, height, zone]);
  const row = cell ? heat.rows[cell.row] : undefined;
  const width = host.current?.clientWidth ?? 0;
  const count = cell ? heat.counts[cell.row]?.[cell.x] : undefined;
  return (
    <div class="chart" onMouseLeave={() => setCell(null)}>
      <div ref={host} class="chart-host" style={{ height: `${height}px` }} />
      {cell && row && (
        <div
          class="chart-tip"
          style={{
            top: `${cell.top + 14}px`,
            ...(cell.left > width / 2
              ? { right: `${width - cell.left + 14}px` }
              : { left: `${cell.left + 14}px` }),
          }}
        >
          <div class="muted">
            {formatTime(heat.xs[cell.x]! * 1000, zone)} {zoneName(zone)}
          </div>
          <div>{row.label}</div>
          <strong>{count === null || count === undefined ? 'no sample' : String(count)}</strong>
        </div>
      )}
    </div>
  );
}
