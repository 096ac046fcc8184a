// Long lists: below 1,000 rows all are in the document (the browser's find works), above only
// those in sight.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

const PLAIN_MAX = 1000;

/** Rows of one height, drawn by `render`; the list scrolls with the page. */
export function VirtualList<T>({
  items,
  rowHeight,
  render,
  plainMax = PLAIN_MAX,
}: {
  items: readonly T[];
  /** Pixels. Rows must have this height once there are more than `plainMax` of them. */
  rowHeight: number;
  render: (item: T, index: number) => ComponentChildren;
  plainMax?: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = items.length > plainMax;
  const [range, setRange] = useState<[number, number]>([0, 60]);
  useEffect(() => {
    if (!virtual) return;
    const measure = (): void => {
      const top = box.current?.getBoundingClientRect().top ?? 0;
      const first = Math.max(0, Math.floor(-top / rowHeight) - 10);
      const last = first + Math.ceil(innerHeight / rowHeight) + 20;
      setRange((old) => (old[0] === first && old[1] === last ? old : [first, last]));
    };
    measure();
    addEventListener('scroll', measure, { passive: true });
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, [virtual, items.length, rowHeight]);
  if (!virtual) return <div>{items.map(render)}</div>;
  const first = Math.min(range[0], Math.max(0, items.length - 1));
  const shown = items.slice(first, range[1]);
  return (
    <div ref={box} style={{ height: `${items.length * rowHeight}px`, position: 'relative' }}>
      <div style={{ transform: `translateY(${first * rowHeight}px)` }}>
        {shown.map((item, i) => render(item, first + i))}
      </div>
    </div>
  );
}
