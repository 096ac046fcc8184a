// Axes: SI numbers, 24-hour times of the chosen zone, widths that fit.
import type uPlot from 'uplot';
import { formatSi } from '../../lib/format';
import { formatTime } from '../../lib/time';

export interface AxisColours {
  text: string;
  grid: string;
}

const FONT = '12px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
const DAY_S = 86_400;

/** Labels of times: the date under the first, and wherever a day begins. */
export function timeLabels(splits: readonly number[], increment: number, zone: string): string[] {
  let lastDate = '';
  return splits.map((seconds) => {
    const text = formatTime(seconds * 1000, zone, increment < 1);
    const date = text.slice(5, 10);
    const clock = increment < 60 ? text.slice(11) : text.slice(11, 16);
    const changed = date !== lastDate;
    lastDate = date;
    if (increment >= DAY_S) return date;
    return changed ? `${clock}\n${date}` : clock;
  });
}

/** Labels of values; as many digits as tell neighbours apart. */
export function valueLabels(splits: readonly (number | null)[]): string[] {
  for (let digits = 3; digits <= 9; ++digits) {
    const texts = splits.map((value) => (value === null ? '' : formatSi(value, digits)));
    const shown = texts.filter(Boolean);
    if (new Set(shown).size === shown.length) return texts;
  }
  return splits.map((value) => (value === null ? '' : String(value)));
}

function widthOf(labels: readonly string[] | null): number {
  const longest = (labels ?? []).reduce((most, text) => Math.max(most, text.length), 0);
  return Math.max(40, Math.ceil(longest * 7) + 16);
}

export function xAxis(colours: AxisColours, zone: () => string): uPlot.Axis {
  return {
    stroke: colours.text,
    font: FONT,
    size: 44,
    space: 70,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { stroke: colours.grid, width: 1, size: 4 },
    values: (_, splits, __, ___, increment) => timeLabels(splits, increment, zone()),
  };
}

export function yAxis(colours: AxisColours): uPlot.Axis {
  return {
    stroke: colours.text,
    font: FONT,
    size: (_, labels) => widthOf(labels),
    space: 34,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { show: false },
    values: (_, splits) => valueLabels(splits),
  };
}
