// The same blocks as a table: for screen readers, for the browser's own search, for sorting.
import { useState } from 'preact/hooks';
import { Badge, LabelSet, Time } from '../../components/controls';
import { SortHead } from '../../components/sorting';
import { type Block, labelsText, resolutionName } from '../../lib/blocks';
import { formatBytes, formatCount, plural } from '../../lib/format';
import { formatDuration } from '../../lib/time';
import { sorted } from '../../lib/sorted';

const STEP = 500;

export function BlockTable({
  blocks,
  params,
  onSelect,
}: {
  blocks: readonly Block[];
  params: URLSearchParams;
  onSelect: (block: Block) => void;
}) {
  const sort = params.get('sort') ?? '-from';
  const [rows, setRows] = useState(STEP);
  const ordered = sorted(blocks, sort, {
    ulid: (block) => block.ulid,
    from: (block) => block.from,
    to: (block) => block.to,
    length: (block) => block.to - block.from,
    resolution: (block) => block.resolution,
    level: (block) => block.level,
    series: (block) => block.series,
    samples: (block) => block.samples,
    bytes: (block) => block.bytes,
    labels: (block) => labelsText(block.labels),
  });
  return (
    <>
      <div class="table-box" tabIndex={0} role="region" aria-label="Blocks">
        <table class="blocks">
          <thead>
            <tr>
              <SortHead name="ulid" text="Block" sort={sort} />
              <SortHead name="from" text="From" sort={sort} first="down" />
              <SortHead name="to" text="To" sort={sort} first="down" />
              <SortHead name="length" text="Length" sort={sort} first="down" class="number" />
              <SortHead name="resolution" text="Resolution" sort={sort} />
              <SortHead name="level" text="Level" sort={sort} class="number" />
              <SortHead name="series" text="Series" sort={sort} first="down" class="number" />
              <SortHead name="samples" text="Samples" sort={sort} first="down" class="number" />
              <SortHead name="bytes" text="Size" sort={sort} first="down" class="number" />
              <SortHead name="labels" text="Labels" sort={sort} />
              <th scope="col">Remarks</th>
            </tr>
          </thead>
          <tbody>
            {ordered.slice(0, rows).map((block) => (
              <tr key={block.ulid}>
                <td>
                  <button type="button" class="small mono" onClick={() => onSelect(block)}>
                    {block.ulid}
                  </button>
                </td>
                <td>
                  <Time ms={block.from} />
                </td>
                <td>
                  <Time ms={block.to} />
                </td>
                <td class="number">{formatDuration(block.to - block.from)}</td>
                <td>{resolutionName(block.resolution)}</td>
                <td class="number">{block.level}</td>
                <td class="number">{formatCount(block.series)}</td>
                <td class="number">{formatCount(block.samples)}</td>
                <td class="number nowrap">{block.bytes > 0 ? formatBytes(block.bytes) : '–'}</td>
                <td>
                  <LabelSet labels={block.labels} limit={4} />
                </td>
                <td>
                  {block.overlaps && <Badge tone="bad">overlaps</Badge>}{' '}
                  {block.marks.map((mark) => (
                    <span key={mark.kind} title={mark.details || mark.reason}>
                      <Badge tone="warn">{mark.kind}</Badge>{' '}
                    </span>
                  ))}
                  {block.troubles.map((trouble) => (
                    <span key={trouble.state} title={trouble.reason}>
                      <Badge tone="bad">{trouble.state}</Badge>{' '}
                    </span>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {ordered.length > rows && (
        <p class="toolbar">
          <button type="button" onClick={() => setRows(rows + STEP)}>
            {plural(Math.min(STEP, ordered.length - rows), 'more row')}
          </button>
          <button type="button" onClick={() => setRows(Infinity)}>
            All {formatCount(ordered.length)}
          </button>
        </p>
      )}
    </>
  );
}
