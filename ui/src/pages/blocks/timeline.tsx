// The blocks of a bucket over time, drawn on a canvas: only what is in sight, however many there
// are. One row per resolution and level, put together by group.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { onThemeChange, timeZone } from '../../app/preferences';
import { type Block, type Group, resolutionName } from '../../lib/blocks';
import type { Span } from '../../lib/coverage';
import { formatCount, plural } from '../../lib/format';
import { useStore } from '../../lib/store';
import { formatDuration, formatTime, zoneName } from '../../lib/time';
import { readColours } from './colours';
import { AXIS, blockAt, GUTTER, Painter, place, type View } from './painter';

export function Timeline({
  groups,
  whole,
  span,
  selected,
  onSpan,
  onSelect,
}: {
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
    return {
      span: state.current.span,
      scroll: box?.scrollTop ?? 0,
      width: box?.clientWidth ?? 300,
      height: shownHeight,
    };
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
    const from = Math.min(
      Math.max(middle - length / 2, whole.from - margin),
      whole.to + margin - length,
    );
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
        zoom(
          event.deltaY > 0 ? 1.25 : 0.8,
          (event.clientX - area.left - GUTTER) / (area.width - GUTTER),
        );
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
    setHovered((old) =>
      block ? (old?.block === block && Math.abs(old.x - x) < 4 ? old : { block, x, y }) : null,
    );
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
      <div
        class="timeline-scroll"
        ref={scroller}
        style={{ height: `${shownHeight}px` }}
        tabIndex={0}
        role="group"
        aria-label="Timeline of blocks"
        aria-describedby="timeline-summary"
        onKeyDown={onKeyDown}
      >
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

function Tip({
  block,
  x,
  y,
  zone,
  width,
}: {
  block: Block;
  x: number;
  y: number;
  zone: string;
  width: number;
}) {
  return (
    <div
      class="tip"
      style={{ left: `${Math.max(0, Math.min(x + 12, width - 320))}px`, top: `${y + 14}px` }}
    >
      <strong class="mono">{block.ulid}</strong>
      <span>
        {formatTime(block.from, zone)} to {formatTime(block.to, zone)} (
        {formatDuration(block.to - block.from)})
      </span>
      <span>
        {resolutionName(block.resolution)}, level {block.level}, {block.source || 'no source'},{' '}
        {formatCount(block.series)} series
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
