// Histograms over time: one column per step, one row per bucket, the darker the more.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { formatSi } from '../../lib/format';
import { formatTime, zoneName } from '../../lib/time';
import { xAxis, yAxis } from './chart_axes';
import type { InputActions } from './chart_input';
import { type HeatData, heatOf } from './heat';
import { createPlot, tipPlace, tokens } from './plot';
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
  const step = stepOfGrid(heat);
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

const stepOfGrid = ({ xs }: HeatData): number => (xs[1] ?? xs[0]! + 1) - xs[0]!;

function createHeat(
  element: HTMLElement,
  heat: HeatData,
  dark: boolean,
  height: number,
  latest: () => { actions: InputActions; zone: string },
  onCell: (cell: Cell | null) => void,
) {
  const colours = tokens(element);
  const palette = shades(dark);
  const half = stepOfGrid(heat) / 2;
  // Ticks are the bounds between rows.
  const boundAt = (row: number): string => {
    const edge = row <= 0 ? heat.rows[0]?.low : heat.rows[row - 1]?.high;
    return edge === undefined || !Number.isInteger(row) ? '' : formatSi(edge, 3);
  };
  return createPlot({
    element,
    height,
    data: [heat.xs, heat.xs.map(() => null)],
    series: [{}, { paths: () => null, points: { show: false } }],
    scales: {
      x: { time: true, range: (_u, min, max) => [min - half, max + half] },
      y: { range: [0, Math.max(1, heat.rows.length)] },
    },
    axes: [
      xAxis(colours, () => latest().zone),
      {
        ...yAxis(colours),
        incrs: [1, 2, 5, 10, 20, 50],
        values: (_u, splits) => splits.map(boundAt),
        grid: { show: false },
      },
    ],
    actions: () => latest().actions,
    onPointer: (u, at) => {
      if (!at) return onCell(null);
      const row = Math.floor(u.posToVal(at.top, 'y'));
      const { offsetLeft, offsetTop } = u.over;
      return onCell({ left: at.left + offsetLeft, top: at.top + offsetTop, x: at.index, row });
    },
    onDraw: (u) => drawCells(u, heat, palette),
  });
}

function CellCard({
  cell,
  heat,
  zone,
  width,
}: {
  cell: Cell;
  heat: HeatData;
  zone: string;
  width: number;
}) {
  const row = heat.rows[cell.row];
  if (!row) return null;
  const count = heat.counts[cell.row]?.[cell.x];
  return (
    <div class="chart-tip" style={tipPlace(cell.left, cell.top, width)}>
      <div class="muted">
        {formatTime(heat.xs[cell.x]! * 1000, zone)} {zoneName(zone)}
      </div>
      <div>{row.label}</div>
      <strong>{count === null || count === undefined ? 'no sample' : String(count)}</strong>
    </div>
  );
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
    if (!host.current || heat.xs.length === 0) return;
    const { plot, destroy } = createHeat(
      host.current,
      heat,
      dark,
      height,
      () => latest.current,
      setCell,
    );
    handle(plot);
    return () => {
      handle(null);
      setCell(null);
      destroy();
    };
  }, [heat, dark, height, zone]);
  return (
    <div class="chart" onMouseLeave={() => setCell(null)}>
      <div ref={host} class="chart-host" style={{ height: `${height}px` }} />
      {cell && (
        <CellCard cell={cell} heat={heat} zone={zone} width={host.current?.clientWidth ?? 0} />
      )}
    </div>
  );
}
