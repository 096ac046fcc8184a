// Earlier expressions: find one, take it, forget it.
import { useState } from 'preact/hooks';
import { Check, Dialog, FilterBox } from '../../components/controls';
import { Icon } from '../../components/icon';
import { useStore } from '../../lib/store';
import { history, keepHistory } from './history';

export function HistoryDialog({
  onPick,
  onClose,
}: {
  onPick: (expr: string) => void;
  onClose: () => void;
}) {
  const list = useStore(history);
  const keep = useStore(keepHistory);
  const [filter, setFilter] = useState('');
  const found = list.filter((expr) => expr.toLowerCase().includes(filter.toLowerCase()));
  return (
    <Dialog title="History" onClose={onClose} wide>
      <div class="legend-tools">
        <FilterBox value={filter} onInput={setFilter} label="Find an expression" />
        <Check label="Keep a history in this browser" checked={keep} onChange={keepHistory.set} />
        <button
          type="button"
          class="small"
          disabled={list.length === 0}
          onClick={() => history.set([])}
        >
          Forget all
        </button>
      </div>
      <ul class="history">
        {found.map((expr) => (
          <li key={expr}>
            <button type="button" class="item mono" onClick={() => onPick(expr)}>
              {expr}
            </button>
            <button
              type="button"
              class="ghost icon-only"
              aria-label={`Forget ${expr}`}
              onClick={() => history.set(list.filter((one) => one !== expr))}
            >
              <Icon name="cross" size={12} />
            </button>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="muted">Nothing kept.</p>}
    </Dialog>
  );
}
