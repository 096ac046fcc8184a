// The expression: a plain text field until the editor is loaded, and where it cannot be.
import { useEffect, useRef, useState } from 'preact/hooks';
import { isDark, onThemeChange } from '../../app/preferences';
import { createPreference, isBoolean, useStore } from '../../lib/store';
import type { Surroundings } from './editor_client';
import type { Editor } from './editor_setup';

export const completionOn = createPreference<boolean>('editor.completion', true, isBoolean);
export const linterOn = createPreference<boolean>('editor.linter', true, isBoolean);

// Asked for at once, so that it loads while the page is drawn.
const editorModule = import('./editor_setup');
editorModule.catch(() => undefined);

export interface ExpressionProps {
  text: string;
  /** Changes when the text was set by something else than typing: only then the editor takes it. */
  version: number;
  label: string;
  around: () => Surroundings;
  onChange: (text: string) => void;
  onRun: () => void;
  onEscape: () => void;
  onHistory: (direction: -1 | 1) => void;
  /** Given the editor once it is there, null when it goes. */
  handle: (editor: Editor | null) => void;
}

export function Expression(props: ExpressionProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const [loaded, setLoaded] = useState(false);
  const completion = useStore(completionOn);
  const linter = useStore(linterOn);

  useEffect(() => {
    let gone = false;
    let stopTheme = (): void => undefined;
    editorModule.then(
      ({ createEditor }) => {
        if (gone || !host.current) return;
        const made = createEditor({
          parent: host.current,
          text: latest.current.text,
          label: latest.current.label,
          dark: isDark(),
          around: () => latest.current.around(),
          onChange: (text) => latest.current.onChange(text),
          onRun: () => latest.current.onRun(),
          onEscape: () => latest.current.onEscape(),
          onHistory: (direction) => latest.current.onHistory(direction),
        });
        editor.current = made;
        latest.current.handle(made);
        stopTheme = onThemeChange(() => made.setDark(isDark()));
        setLoaded(true);
      },
      () => undefined, // The text field stays.
    );
    return () => {
      gone = true;
      stopTheme();
      latest.current.handle(null);
      editor.current?.destroy();
      editor.current = null;
    };
  }, []);
  // Not on every change of the text: a draw that lags behind typing would undo what was typed.
  useEffect(() => editor.current?.setText(latest.current.text), [props.version]);
  useEffect(() => {
    if (loaded) editor.current?.setHelp(completion, linter);
  }, [loaded, completion, linter]);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.shiftKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      props.onRun();
    } else if (event.key === 'Escape') {
      props.onEscape();
    }
  };
  return (
    <div class="expression">
      <div ref={host} class="editor-host" hidden={!loaded} />
      {!loaded && (
        <textarea
          class="mono"
          rows={Math.min(10, props.text.split('\n').length)}
          aria-label={props.label}
          spellcheck={false}
          placeholder="Expression"
          value={props.text}
          onInput={(event) => props.onChange(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
      )}
    </div>
  );
}
