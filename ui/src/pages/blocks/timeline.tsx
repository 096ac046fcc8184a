// The blocks of a bucket over time, drawn on a canvas: only what is in sight, however many there
// are. One row per resolution and level, put together by group.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { onThemeChange, timeZone } from '../../app/preferences';
import { type Block, firstReaching, type Group, isMarked, resolutionName } from '../../lib/blocks';
import { type Span, ticksIn } from '../../lib/coverage';
import { formatCount, plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { formatDuration, formatTime, zoneName } from '../../lib/time';
import { type Colours, readColours } from './colours';

const LANE = 18;
const GAP = 3;
const HEAD = 24;
const AXIS = 22;
/** Left of the time: names of lanes. */
const GUTTER = 104;

interface PlacedLane {
  lane: Group['lanes'][number];
  top: number;
}
interface PlacedGroup {
  name: string;
  count: number;
  top: number;
  lanes: PlacedLane[];
}

// Where groups and lanes are, in pixels from the top of all of them.
function place(groups: readonly Group[]): { placed: PlacedGroup[]; height: number } {
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

interface View {
  span: Span;
  scroll: number;
  width: number;
  height: number;
}

const scaleOf = ({ span, width }: View): number => (width - GUTTER) / (span.to - span.from);
const timeAt = (view: View, x: number): number => view.span.from + (x - GUTTER) / scaleOf(view);

function hatch(context: CanvasRenderingContext2D, colour: string, step: number): CanvasPattern | null {
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

class Painter {
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
    pen.fillText(`${resolutionName(lane.resolution)} · level ${lane.level}`, 6, y + LANE / 2 + 1, GUTTER - 12);
  }

  private block(block: Block, left: number, y: number, width: number): void {
    const { pen, colours } = this;
    pen.globalAlpha = isMarked(block, 'deletion') ? 0.35 : 1;
    pen.fillStyle = colours.levels[Math.min(block.level, colours.levels.length) - 1] ?? colours.levels[0]!;
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
      pen.fillText(length > 3 * 86_400_000 ? text.slice(0, 10) : text.slice(5, 16), x + 4, AXIS / 2);
    }
  }
}

function blockAt(groups: readonly PlacedGroup[], view: View, x: number, y: number): Block | null {
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

export function Timeline({ groups, whole, span, selected, onSpan, onSelect }: {
  groups: readonly Group[];
  /** First and last time of all blocks: zooming out ends there. */
  whole: Span;
  span: Span;
  selected: string | null;
  onSpan: (next: Span) => void;
  onSelect: (block: Block) => void;
}) {
  const zone = useStore(timeZone);
  const canvas = useRef<HTMLCanvasElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { placed, height } = useMemo(() => place(groups), [groups]);
  const shownHeight = Math.min(height, 640) + AXIS + 4;
  const [hovered, setHovered] = useState<{ block: Block; x: number; y: number } | null>(null);
  const state = useRef({ span, frame: 0 });
  const painted = useRef<() => void>(() => {});
  state.current.span = span;

  const viewNow = (): View => {
    const box = scroller.current;
    return { span: state.current.span, scroll: box?.scrollTop ?? 0, width: box?.clientWidth ?? 300, height: shownHeight };
  };

  useEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext('2d');
    if (!element || !pen) return;
    let painter = new Painter(pen, readColours(element), zone, selected);
    const paint = (): void => {
      const view = viewNow();
      const ratio = Math.min(3, devicePixelRatio || 1);
      const wanted = [Math.round(view.width * ratio), Math.round(view.height * ratio)] as const;
      if (element.width !== wanted[0] || element.height !== wanted[1]) {
        [element.width, element.height] = wanted;
        element.style.width = `${view.width}px`;
        element.style.height = `${view.height}px`;
      }
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      painter.draw(placed, view);
    };
    const soon = (): void => {
      cancelAnimationFrame(state.current.frame);
      state.current.frame = requestAnimationFrame(paint);
    };
    painted.current = soon;
    paint();
    const stopTheme = onThemeChange(() => {
      painter = new Painter(pen, readColours(element), zone, selected);
      soon();
    });
    const watcher = new ResizeObserver(soon);
    if (scroller.current) watcher.observe(scroller.current);
    scroller.current?.addEventListener('scroll', soon, { passive: true });
    const box = scroller.current;
    return () => {
      stopTheme();
      watcher.disconnect();
      box?.removeEventListener('scroll', soon);
      cancelAnimationFrame(state.current.frame);
    };
  }, [placed, zone, selected, shownHeight]);

  useEffect(() => painted.current(), [span.from, span.to]);

  const bounded = (next: Span): Span => {
    const least = 60_000;
    const length = Math.min(Math.max(next.to - next.from, least), (whole.to - whole.from) * 1.1);
    const middle = (next.from + next.to) / 2;
    const margin = (whole.to - whole.from) * 0.05;
    const from = Math.min(Math.max(middle - length / 2, whole.from - margin), whole.to + margin - length);
    return { from, to: from + length };
  };
  // What moves is drawn at once; the address follows when it rests.
  const rest = useRef(0);
  const move = (next: Span): void => {
    state.current.span = bounded(next);
    painted.current();
    clearTimeout(rest.current);
    rest.current = window.setTimeout(() => onSpan(state.current.span), 150);
  };
  const zoom = (factor: number, at: number): void => {
    const { from, to } = state.current.span;
    const middle = from + (to - from) * at;
    move({ from: middle - (middle - from) * factor, to: middle + (to - middle) * factor });
  };
  const pan = (part: number): void => {
    const { from, to } = state.current.span;
    move({ from: from + (to - from) * part, to: to + (to - from) * part });
  };

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    // Not by an attribute: only a listener that is not passive can keep the page where it is.
    const onWheel = (event: WheelEvent): void => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const area = box.getBoundingClientRect();
        zoom(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - area.left - GUTTER) / (area.width - GUTTER));
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        pan(((event.deltaX || event.deltaY) / box.clientWidth) * 0.8);
      }
    };
    box.addEventListener('wheel', onWheel, { passive: false });
    return () => box.removeEventListener('wheel', onWheel);
  });

  const drag = useRef<{ x: number; span: Span; moved: boolean } | null>(null);
  const pointOf = (event: PointerEvent): { x: number; y: number } => {
    const area = (canvas.current as HTMLCanvasElement).getBoundingClientRect();
    return { x: event.clientX - area.left, y: event.clientY - area.top };
  };
  const onPointerMove = (event: PointerEvent): void => {
    const { x, y } = pointOf(event);
    if (drag.current) {
      const shift = event.clientX - drag.current.x;
      if (Math.abs(shift) > 3) drag.current.moved = true;
      if (!drag.current.moved) return;
      const length = drag.current.span.to - drag.current.span.from;
      const ms = (-shift / (viewNow().width - GUTTER)) * length;
      move({ from: drag.current.span.from + ms, to: drag.current.span.to + ms });
      setHovered(null);
      return;
    }
    const block = blockAt(placed, viewNow(), x, y);
    setHovered((old) => (block ? (old?.block === block && Math.abs(old.x - x) < 4 ? old : { block, x, y }) : null));
  };
  const onPointerUp = (event: PointerEvent): void => {
    const was = drag.current;
    drag.current = null;
    if (!was || was.moved) return;
    const { x, y } = pointOf(event);
    const block = blockAt(placed, viewNow(), x, y);
    if (block) onSelect(block);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowLeft') pan(-0.25);
    else if (event.key === 'ArrowRight') pan(0.25);
    else if (event.key === '+' || event.key === '=') zoom(0.6, 0.5);
    else if (event.key === '-') zoom(1 / 0.6, 0.5);
    else if (event.key === '0') move(whole);
    else return;
    event.preventDefault();
  };
  const count = groups.reduce((sum, group) => sum + group.count, 0);
  const summary = `${plural(count, 'block')} in ${plural(groups.length, 'group')}, ${formatTime(span.from, zone)} to ${formatTime(span.to, zone)} ${zoneName(zone)}. Arrow keys move, plus and minus zoom, 0 shows everything. The table view lists the same blocks.`;
  return (
    <div class="timeline">
      <p id="timeline-summary" class="visually-hidden">
        {summary}
      </p>
      <div class="timeline-scroll" ref={scroller} style={{ height: `${shownHeight}px` }} tabIndex={0} role="group" aria-label="Timeline of blocks" aria-describedby="timeline-summary" onKeyDown={onKeyDown}>
        <div style={{ height: `${height + AXIS + 4}px` }}>
          <canvas
            ref={canvas}
            aria-hidden="true"
            onPointerDown={(event) => {
              if (event.button !== 0) return;
              drag.current = { x: event.clientX, span: state.current.span, moved: false };
              event.currentTarget.setPointerCapture(event.pointerId);
            }}
            onPointerMove={onPointerMove}
            onPointerUp={onPointerUp}
            onPointerLeave={() => setHovered(null)}
            onDblClick={(event) => zoom(0.5, (event.offsetX - GUTTER) / (viewNow().width - GUTTER))}
          />
        </div>
      </div>
      {hovered && <Tip {...hovered} zone={zone} width={viewNow().width} />}
    </div>
  );
}

function Tip({ block, x, y, zone, width }: { block: Block; x: number; y: number; zone: string; width: number }) {
  return (
    <div class="tip" style={{ left: `${Math.max(0, Math.min(x + 12, width - 320))}px`, top: `${y + 14}px` }}>
      <strong class="mono">{block.ulid}</strong>
      <span>
        {formatTime(block.from, zone)} to {formatTime(block.to, zone)} ({formatDuration(block.to - block.from)})
      </span>
      <span>
        {resolutionName(block.resolution)}, level {block.level}, {block.source || 'no source'}, {formatCount(block.series)} series
      </span>
      {block.overlaps && <span class="error-text">overlaps another block</span>}
      {block.marks.map((mark) => (
        <span key={mark.kind} class="warn-text">
          {mark.kind}: {mark.details || mark.reason || 'no reason given'}
        </span>
      ))}
    </div>
  );
}
