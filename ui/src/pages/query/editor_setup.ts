// The editor itself: CodeMirror in a shadow root. There it keeps its styles in constructed sheets,
// which the content security policy allows; a <style> element would be refused.
import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete';
import {
  defaultKeymap,
  history,
  historyKeymap,
  insertNewlineAndIndent,
} from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { Compartment, EditorState, Prec } from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightSpecialChars,
  keymap,
  placeholder,
  tooltips,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { PromQLExtension } from '@prometheus-io/codemirror-promql';
import { CompletionClient, type Surroundings } from './editor_client';

export interface EditorOptions {
  parent: HTMLElement;
  text: string;
  label: string;
  dark: boolean;
  around: () => Surroundings;
  onChange: (text: string) => void;
  onRun: () => void;
  onEscape: () => void;
  /** -1: an earlier one of the history, 1: a later one. */
  onHistory: (direction: -1 | 1) => void;
}

export interface Editor {
  getText(): string;
  setText(text: string): void;
  focus(): void;
  /** Goes to a place, from 0, that the server complains about. */
  select(from: number): void;
  setDark(dark: boolean): void;
  setHelp(completion: boolean, linter: boolean): void;
  insert(text: string): void;
  destroy(): void;
}

const colours = (dark: boolean) => ({
  text: dark ? '#e4e5ee' : '#1b1c26',
  muted: dark ? '#9ea1b5' : '#5b5d6f',
  accent: dark ? '#a593ff' : '#5b3fd0',
  func: dark ? '#7fb0ff' : '#1d4ed8',
  label: dark ? '#e3c04f' : '#7a5c00',
  text2: dark ? '#6fdc8c' : '#146c38',
  num: dark ? '#ff9f5a' : '#b0410a',
  bad: dark ? '#ff8d85' : '#b3231f',
  raised: dark ? '#1e202b' : '#ffffff',
  line: dark ? '#4c5064' : '#b4b5c3',
  chosen: dark ? '#2f2a52' : '#e3ddfa',
});

function look(dark: boolean) {
  const c = colours(dark);
  const theme = EditorView.theme(
    {
      '&': { color: c.text, fontSize: '15px', backgroundColor: 'transparent' },
      '&.cm-focused': { outline: 'none' },
      '.cm-scroller': {
        fontFamily: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        lineHeight: '1.5',
        maxHeight: '40vh',
      },
      '.cm-content': { padding: '6px 0', caretColor: c.text },
      '.cm-line': { padding: '0 10px' },
      '.cm-placeholder': { color: c.muted },
      '.cm-cursor': { borderLeftColor: c.text },
      '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
        { backgroundColor: c.chosen },
      '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
        backgroundColor: c.chosen,
        outline: `1px solid ${c.accent}`,
      },
      '.cm-tooltip': {
        backgroundColor: c.raised,
        color: c.text,
        border: `1px solid ${c.line}`,
        borderRadius: '6px',
        boxShadow: '0 8px 28px rgb(0 0 0 / 25%)',
        fontSize: '13px',
      },
      '.cm-tooltip.cm-tooltip-autocomplete.cm-tooltip-below': { marginTop: '5px' },
      '.cm-tooltip.cm-tooltip-autocomplete > ul': {
        fontFamily: "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
        maxHeight: '320px',
        maxWidth: 'min(700px, 90vw)',
      },
      '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px' },
      '.cm-tooltip-autocomplete ul li[aria-selected]': {
        backgroundColor: c.chosen,
        color: c.text,
      },
      '.cm-completionDetail': { color: c.muted, fontStyle: 'normal', marginLeft: '12px' },
      '.cm-completionMatchedText': { color: c.accent, textDecoration: 'none', fontWeight: '600' },
      '.cm-tooltip.cm-completionInfo': {
        padding: '8px 10px',
        maxWidth: '360px',
        fontFamily: "system-ui, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif",
        whiteSpace: 'normal',
      },
      '.cm-completionIcon': { width: '1.4em', opacity: '0.75', color: c.muted },
      '.cm-completionIcon-function::after, .cm-completionIcon-method::after': { content: "'ƒ'" },
      '.cm-completionIcon-keyword::after': { content: "'k'" },
      '.cm-completionIcon-constant::after': { content: "'m'" },
      '.cm-completionIcon-text::after': { content: "'v'" },
      '.cm-diagnostic': { padding: '4px 8px' },
      '.cm-diagnostic-error': { borderLeft: `4px solid ${c.bad}` },
      '.cm-lintRange-error': {
        backgroundImage: 'none',
        textDecoration: `underline wavy ${c.bad} 1px`,
        textUnderlineOffset: '3px',
      },
    },
    { dark },
  );
  const marks = HighlightStyle.define([
    { tag: tags.number, color: c.num },
    { tag: tags.string, color: c.text2 },
    { tag: tags.keyword, color: c.accent },
    {
      tag: [tags.function(tags.variableName), tags.standard(tags.function(tags.variableName))],
      color: c.func,
    },
    { tag: tags.labelName, color: c.label },
    { tag: [tags.operator, tags.modifier, tags.operatorKeyword], color: c.accent },
    { tag: tags.comment, color: c.muted, fontStyle: 'italic' },
    { tag: tags.paren, color: c.muted },
    { tag: tags.variableName, color: c.text },
    { tag: tags.invalid, color: c.bad },
  ]);
  return [theme, syntaxHighlighting(marks)];
}

function keys(options: EditorOptions) {
  const act = (run: () => void) => (): boolean => {
    run();
    return true;
  };
  const own = [
    { key: 'Enter', run: act(options.onRun), shift: insertNewlineAndIndent },
    { key: 'Mod-ArrowUp', run: act(() => options.onHistory(-1)) },
    { key: 'Mod-ArrowDown', run: act(() => options.onHistory(1)) },
    { key: 'Escape', run: act(options.onEscape) },
    // Completion by Tab where a list is open; otherwise Tab leaves the editor.
    { key: 'Tab', run: acceptCompletion },
  ];
  // Ctrl+Enter belongs to the page: all panels. Ctrl+Shift+F too.
  const rest = defaultKeymap.filter(({ key, mac }) => key !== 'Mod-Enter' && mac !== 'Ctrl-f');
  return keymap.of([...own, ...closeBracketsKeymap, ...rest, ...historyKeymap, ...lintKeymap]);
}

export function createEditor(options: EditorOptions): Editor {
  const root = options.parent.shadowRoot ?? options.parent.attachShadow({ mode: 'open' });
  root.replaceChildren();
  const language = new Compartment();
  const colouring = new Compartment();
  const promql = new PromQLExtension();
  promql.setComplete({ remote: new CompletionClient(options.around), maxMetricsMetadata: 20_000 });
  const state = EditorState.create({
    doc: options.text,
    extensions: [
      Prec.highest(keymap.of(completionKeymap)),
      keys(options),
      history(),
      highlightSpecialChars(),
      drawSelection(),
      closeBrackets(),
      bracketMatching(),
      autocompletion({
        activateOnTypingDelay: 150,
        defaultKeymap: false,
        maxRenderedOptions: 100,
        icons: true,
      }),
      tooltips({ position: 'fixed' }),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': options.label, spellcheck: 'false' }),
      placeholder('Expression: Enter runs it, Shift+Enter makes a new line'),
      language.of(promql.asExtension()),
      colouring.of(look(options.dark)),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) options.onChange(update.state.doc.toString());
      }),
    ],
  });
  const view = new EditorView({ state, parent: root, root });
  return {
    getText: () => view.state.doc.toString(),
    setText(text) {
      if (text === view.state.doc.toString()) return;
      const changes = { from: 0, to: view.state.doc.length, insert: text };
      view.dispatch({ changes, selection: { anchor: text.length } });
    },
    focus: () => view.focus(),
    select(from) {
      const at = Math.max(0, Math.min(from, view.state.doc.length));
      view.dispatch({ selection: { anchor: at }, scrollIntoView: true });
      view.focus();
    },
    setDark: (dark) => view.dispatch({ effects: colouring.reconfigure(look(dark)) }),
    setHelp(completion, linter) {
      promql.activateCompletion(completion).activateLinter(linter);
      view.dispatch({ effects: language.reconfigure(promql.asExtension()) });
    },
    insert(text) {
      view.dispatch(view.state.replaceSelection(text));
      view.focus();
    },
    destroy() {
      promql.destroy();
      view.destroy();
    },
  };
}
