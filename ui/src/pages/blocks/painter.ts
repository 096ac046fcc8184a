// Draws blocks on a canvas: lanes below each other, time from left to right.
import { type Block, firstReaching, type Group, isMarked, resolutionName } from '../../lib/blocks';
import { type Span, ticksIn } from '../../lib/coverage';
import { plural } from '../../lib/format';
import { formatTime } from '../../lib/time';
import type { Colours } from './colours';

const LANE = 18;
const GAP = 3;
const HEAD = 24;
export const AXIS = 22;
/** Left of the time: names of lanes. */
export const GUTTER = 104;

export interface PlacedLane {
  lane: Group['lanes'][number];
  top: number;
}
export interface PlacedGroup {
  name: string;
  count: number;
  top: number;
  lanes: PlacedLane[];
}

// Where groups and lanes are, in pixels from the top of all of them.
export function place(groups: readonly Group[]): { placed: PlacedGroup[]; height: number } {
  let top = 0;
  const placed = groups.map((group) => {
    const out: PlacedGroup = { name: group.name, count: group.count, top, lanes: [] };
    top += HEAD;
    for (const lane of group.lanes) {
      out.lanes.push({ lane, top });
      top += LANE + GAP;
    }
    top += 8;
    return out;
  });
  return { placed, height: top };
}

export interface View {
  span: Span;
  scroll: number;
  width: number;
  height: number;
}

const scaleOf = ({ span, width }: View): number => (width - GUTTER) / (span.to - span.from);
const timeAt = (view: View, x: number): number => view.span.from + (x - GUTTER) / scaleOf(view);

function hatch(
  context: CanvasRenderingContext2D,
  colour: string,
  step: number,
): CanvasPattern | null {
  const tile = document.createElement('canvas');
  tile.width = tile.height = step;
  const pen = tile.getContext('2d');
  if (!pen) return null;
  pen.strokeStyle = colour;
  pen.lineWidth = 1.4;
  pen.beginPath();
  pen.moveTo(0, step);
  pen.lineTo(step, 0);
  pen.moveTo(-1, 1);
  pen.lineTo(1, -1);
  pen.moveTo(step - 1, step + 1);
  pen.lineTo(step + 1, step - 1);
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

export class Painter {
  private readonly hatches: Map<number, CanvasPattern | null>;
  constructor(
    private readonly pen: CanvasRenderingContext2D,
    private readonly colours: Colours,
    private readonly zone: string,
    private readonly marked: string | null,
  ) {
    this.hatches = new Map([
      [300_000, hatch(pen, colours.hatch, 6)],
      [3_600_000, hatch(pen, colours.hatch, 3)],
    ]);
  }

  draw(groups: readonly PlacedGroup[], view: View): void {
    const { pen, colours } = this;
    pen.clearRect(0, 0, view.width, view.height);
    this.axis(view);
    pen.save();
    pen.beginPath();
    pen.rect(0, AXIS, view.width, view.height - AXIS);
    pen.clip();
    for (const group of groups) {
      const top = group.top - view.scroll + AXIS;
      const bottom = top + HEAD + group.lanes.length * (LANE + GAP);
      if (bottom < AXIS || top > view.height) continue;
      for (const { lane, top: laneTop } of group.lanes) {
        const y = laneTop - view.scroll + AXIS;
        if (y + LANE < AXIS || y > view.height) continue;
        pen.fillStyle = colours.lane;
        pen.fillRect(GUTTER, y, view.width - GUTTER, LANE);
        this.lane(lane, y, view);
      }
      pen.fillStyle = colours.text;
      pen.font = '600 12px ' + colours.font;
      pen.textBaseline = 'middle';
      pen.fillText(group.name, 6, top + HEAD / 2 + 1, view.width - 90);
      pen.fillStyle = colours.muted;
      pen.font = '12px ' + colours.font;
      pen.textAlign = 'right';
      pen.fillText(plural(group.count, 'block'), view.width - 6, top + HEAD / 2 + 1);
      pen.textAlign = 'left';
    }
    pen.restore();
  }

  private lane(lane: PlacedLane['lane'], y: number, view: View): void {
    const { pen, colours } = this;
    const scale = scaleOf(view);
    const { blocks } = lane;
    let drawnTo = -1;
    pen.save();
    pen.beginPath();
    pen.rect(GUTTER, y, view.width - GUTTER, LANE);
    pen.clip();
    for (let i = firstReaching(lane, view.span.from); i < blocks.length; ++i) {
      const block = blocks[i]!;
      if (block.from > view.span.to) break;
      if (block.to < view.span.from) continue;
      const left = GUTTER + (block.from - view.span.from) * scale;
      const right = GUTTER + (block.to - view.span.from) * scale;
      const plain = block.marks.length === 0 && !block.overlaps && block.troubles.length === 0;
      // Blocks narrower than a pixel are drawn once for each pixel.
      if (right <= drawnTo && plain && block.ulid !== this.marked) continue;
      const width = Math.max(1, right - left - (right - left > 3 ? 1 : 0));
      drawnTo = Math.floor(left + width) + 0.5;
      this.block(block, left, y, width);
    }
    pen.restore();
    pen.font = '11px ' + colours.font;
    pen.fillStyle = colours.muted;
    pen.textBaseline = 'middle';
    pen.fillText(
      `${resolutionName(lane.resolution)} · level ${lane.level}`,
      6,
      y + LANE / 2 + 1,
      GUTTER - 12,
    );
  }

  private block(block: Block, left: number, y: number, width: number): void {
    const { pen, colours } = this;
    pen.globalAlpha = isMarked(block, 'deletion') ? 0.35 : 1;
    pen.fillStyle =
      colours.levels[Math.min(block.level, colours.levels.length) - 1] ?? colours.levels[0]!;
    pen.fillRect(left, y, width, LANE);
    const pattern = this.hatches.get(block.resolution);
    if (pattern && width > 2) {
      pen.fillStyle = pattern;
      pen.fillRect(left, y, width, LANE);
    }
    pen.globalAlpha = 1;
    if (block.overlaps || block.troubles.length > 0) {
      pen.strokeStyle = colours.bad;
      pen.lineWidth = 1.5;
      pen.strokeRect(left + 0.75, y + 0.75, Math.max(0.5, width - 1.5), LANE - 1.5);
    }
    if (block.ulid === this.marked) {
      pen.strokeStyle = colours.text;
      pen.lineWidth = 2;
      pen.strokeRect(left + 1, y + 1, Math.max(1, width - 2), LANE - 2);
    }
    if (block.marks.length > 0) this.signs(block, left, y, width);
  }

  // Marks as signs at the right end: a cross, a bar, a dot.
  private signs(block: Block, left: number, y: number, width: number): void {
    const { pen, colours } = this;
    if (width < 12) {
      pen.fillStyle = colours.warn;
      pen.fillRect(left, y + LANE - 4, Math.max(2, width), 4);
      return;
    }
    let x = left + width - 9;
    pen.strokeStyle = pen.fillStyle = colours.sign;
    pen.lineWidth = 2;
    for (const { kind } of block.marks) {
      pen.beginPath();
      const middle = y + LANE / 2;
      if (kind === 'deletion') {
        pen.moveTo(x - 4, middle - 4);
        pen.lineTo(x + 4, middle + 4);
        pen.moveTo(x + 4, middle - 4);
        pen.lineTo(x - 4, middle + 4);
        pen.stroke();
      } else if (kind === 'no-compact') {
        pen.rect(x - 4, middle - 2, 8, 4);
        pen.fill();
      } else {
        pen.arc(x, middle, 3.5, 0, Math.PI * 2);
        pen.fill();
      }
      x -= 13;
    }
  }

  private axis(view: View): void {
    const { pen, colours, zone } = this;
    pen.font = '11px ' + colours.font;
    pen.textBaseline = 'middle';
    const length = view.span.to - view.span.from;
    for (const ms of ticksIn(view.span, Math.max(2, Math.floor((view.width - GUTTER) / 100)))) {
      const x = GUTTER + Math.round((ms - view.span.from) * scaleOf(view)) + 0.5;
      pen.strokeStyle = colours.grid;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(x, 0);
      pen.lineTo(x, view.height);
      pen.stroke();
      const text = formatTime(ms, zone);
      pen.fillStyle = colours.muted;
      pen.fillText(
        length > 3 * 86_400_000 ? text.slice(0, 10) : text.slice(5, 16),
        x + 4,
        AXIS / 2,
      );
    }
  }
}

/** The block at a point of the canvas. */
export function blockAt(
  groups: readonly PlacedGroup[],
  view: View,
  x: number,
  y: number,
): Block | null {
  const at = y - AXIS + view.scroll;
  if (x < GUTTER) return null;
  const ms = timeAt(view, x);
  const slack = 2 / scaleOf(view);
  for (const group of groups) {
    for (const { lane, top } of group.lanes) {
      if (at < top || at >= top + LANE) continue;
      let best: Block | null = null;
      for (let i = firstReaching(lane, ms - slack); i < lane.blocks.length; ++i) {
        const block = lane.blocks[i]!;
        if (block.from > ms + slack) break;
        if (block.to < ms - slack) continue;
        if (block.from <= ms && block.to > ms) return block;
        best ??= block;
      }
      return best;
    }
  }
  return null;
}
