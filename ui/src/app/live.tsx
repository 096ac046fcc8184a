// The polite live region: what a screen reader is told when something has finished.
import { createStore, useStore } from '../lib/store';

const message = createStore('');

export function announce(text: string): void {
  message.set(text);
}

export function LiveRegion() {
  return (
    <div class="visually-hidden" role="status" aria-live="polite" id="live">
      {useStore(message)}
    </div>
  );
}
