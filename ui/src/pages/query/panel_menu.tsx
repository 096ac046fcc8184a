// What else can be done with a panel: exports, copies, formatting.
import type uPlot from 'uplot';
import { addressOf } from '../../api/client';
import { copyText, Menu } from '../../components/controls';
import { Icon, type IconName } from '../../components/icon';
import { sortWarnings } from '../../lib/warnings';
import { announce } from '../../app/live';
import { graphCsv, tableCsv } from './csv';
import { download, downloadPicture, fileName } from '../../lib/download';
import type { GraphData } from './result';
import { encodePanels, type PanelState } from './url_state';
import type { Finished } from './use_run';

/** For files: an incomplete answer must not pass for a whole one. */
export function partialNote(done: Finished): string {
  const { failures } = sortWarnings(done.answer.warnings);
  if (failures.length === 0) return '';
  return `PARTIAL RESULT: ${failures.map(({ message }) => message).join('; ')}`;
}

export function PanelMenu({
  panel,
  done,
  graph,
  plot,
  count,
  onFormat,
  onHistory,
  onMetrics,
  onDuplicate,
  onMove,
  onRemove,
}: {
  panel: PanelState;
  done: Finished | null;
  /** All series of the answer, for CSV. */
  graph: () => GraphData | null;
  plot: () => uPlot | null;
  /** Panels on the page. */
  count: number;
  onFormat: () => void;
  onHistory: () => void;
  onMetrics: () => void;
  onDuplicate: () => void;
  onMove: ((by: -1 | 1) => void) | null;
  onRemove: () => void;
}) {
  const csv = (): void => {
    if (!done?.data) return;
    const data = done.kind === 'graph' ? graph() : null;
    const text = data ? graphCsv(data, partialNote(done)) : tableCsv(done.data, partialNote(done));
    download(fileName(panel.expr, 'csv'), 'text/csv;charset=utf-8', text);
  };
  const png = (): void => {
    const shown = plot();
    if (!shown) return;
    const background = getComputedStyle(document.documentElement)
      .getPropertyValue('--surface')
      .trim();
    downloadPicture(fileName(panel.expr, 'png'), shown.ctx.canvas, background);
  };
  const copy = (text: string, what: string): void => {
    void copyText(text).then((ok) => announce(ok ? `${what} copied` : 'Copying was refused'));
  };
  const link = (): string => addressOf(`graph?${encodePanels([panel])}`);
  return (
    <Menu class="ghost icon-only" align="right" label="More" button={<Icon name="more" />}>
      {(close) => {
        const item = (icon: IconName, text: string, act: () => void, enabled = true) => (
          <button
            type="button"
            class="item"
            disabled={!enabled}
            onClick={() => {
              close();
              act();
            }}
          >
            <Icon name={icon} size={14} /> {text}
          </button>
        );
        return (
          <>
            {item('wand', 'Format', onFormat, panel.expr.trim() !== '')}
            {item('history', 'History …', onHistory)}
            {item('search', 'Metrics …', onMetrics)}
            <hr />
            {item('link', 'Copy link to this panel', () => copy(link(), 'Link'))}
            {item('copy', 'Copy as curl', () => copy(done?.curl ?? '', 'Command'), done !== null)}
            <hr />
            {item('download', 'CSV', csv, Boolean(done?.data))}
            {item(
              'download',
              'JSON',
              () =>
                download(fileName(panel.expr, 'json'), 'application/json', done?.answer.text ?? ''),
              done !== null,
            )}
            {item('download', 'PNG', png, done?.kind === 'graph')}
            <hr />
            {item('duplicate', 'Duplicate panel', onDuplicate)}
            {onMove && item('up', 'Move up', () => onMove(-1))}
            {onMove && item('down', 'Move down', () => onMove(1))}
            {item('trash', 'Remove panel', onRemove, count > 1)}
          </>
        );
      }}
    </Menu>
  );
}
