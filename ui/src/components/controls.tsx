// Small controls and marks that pages share.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { timeZone } from '../app/preferences';
import { useStore } from '../lib/store';
import { formatAge, formatTime, zoneName } from '../lib/time';
import { Icon, type IconName } from './icon';

/** Puts text on the clipboard, also where the clipboard API is refused (plain HTTP). */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'visually-hidden';
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export function CopyButton({
  text,
  label = 'Copy',
  compact = false,
}: {
  text: string | (() => string);
  label?: string;
  /** The icon alone. */
  compact?: boolean;
}) {
  const [done, setDone] = useState(false);
  const copy = (): void => {
    void copyText(typeof text === 'string' ? text : text()).then((ok) => {
      setDone(ok);
      setTimeout(() => setDone(false), 1500);
    });
  };
  return (
    <button
      type="button"
      class={compact ? 'ghost icon-only' : 'small'}
      onClick={copy}
      title={label}
      aria-label={label}
    >
      <Icon name={done ? 'check' : 'copy'} size={14} /> {!compact && (done ? 'Copied' : label)}
    </button>
  );
}

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'plain';
const toneIcons: Record<Tone, IconName | null> = {
  good: 'check',
  warn: 'warn',
  bad: 'error',
  info: 'info',
  plain: null,
};

/** A state by icon and text; the colour only helps. */
export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  const icon = toneIcons[tone];
  return (
    <span class={`badge ${tone}`}>
      {icon && <Icon name={icon} size={12} />}
      {children}
    </span>
  );
}

/** Labels as chips, in the order given; values are text, whatever they hold. */
export function LabelSet({
  labels,
  limit = 1000,
  onPick,
}: {
  labels: Readonly<Record<string, string>>;
  /** How many are shown before "+n". */
  limit?: number;
  onPick?: (name: string, value: string) => void;
}) {
  const [all, setAll] = useState(false);
  const entries = Object.entries(labels);
  const shown = all ? entries : entries.slice(0, limit);
  if (entries.length === 0) return <span class="muted mono">{'{}'}</span>;
  return (
    <span class="labels">
      {shown.map(([name, value]) =>
        onPick ? (
          <button type="button" key={name} class="label" onClick={() => onPick(name, value)}>
            {name}=<b>{value}</b>
          </button>
        ) : (
          <span key={name} class="label">
            {name}=<b>{value}</b>
          </span>
        ),
      )}
      {entries.length > shown.length && (
        <button type="button" class="label more" onClick={() => setAll(true)}>
          +{entries.length - shown.length}
        </button>
      )}
    </span>
  );
}

/** The box that `/` focuses. */
export function FilterBox({
  value,
  onInput,
  label,
  placeholder,
}: {
  value: string;
  onInput: (text: string) => void;
  label: string;
  placeholder?: string;
}) {
  return (
    <span class="filter-box">
      <Icon name="search" size={14} />
      <input
        type="search"
        data-filter
        value={value}
        aria-label={label}
        placeholder={placeholder ?? label}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </span>
  );
}

/** Chips of which any number is chosen; `count` stands behind the name. */
export function Chips<T extends string>({
  options,
  chosen,
  onChange,
  label,
}: {
  options: readonly { value: T; text: string; count?: number; tone?: Tone }[];
  chosen: ReadonlySet<T>;
  onChange: (next: Set<T>) => void;
  label: string;
}) {
  const toggle = (value: T): void => {
    const next = new Set(chosen);
    if (!next.delete(value)) next.add(value);
    onChange(next);
  };
  return (
    <div class="chips" role="group" aria-label={label}>
      {options.map(({ value, text, count, tone = 'plain' }) => (
        <button
          type="button"
          key={value}
          class={`chip ${tone}`}
          aria-pressed={chosen.has(value)}
          onClick={() => toggle(value)}
        >
          {text}
          {count !== undefined && <span class="count">{count.toLocaleString('en-US')}</span>}
        </button>
      ))}
    </div>
  );
}

/** One of a few, side by side. */
export function Segments<T extends string>({
  options,
  value,
  onChange,
  label,
}: {
  options: readonly { value: T; text: string; title?: string }[];
  value: T;
  onChange: (next: T) => void;
  label: string;
}) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button
          type="button"
          key={option.value}
          title={option.title}
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  );
}

/** A time in the chosen zone; hovering tells its age and the zone. */
export function Time({ ms, millis = false }: { ms: number; millis?: boolean }) {
  const zone = useStore(timeZone);
  const text = formatTime(ms, zone, millis);
  if (text === 'no limit') return <span class="muted">{text}</span>;
  const age = Date.now() - ms;
  const title = `${zoneName(zone)}, ${age >= 0 ? `${formatAge(age)} ago` : `in ${formatAge(age)}`}`;
  return (
    <time class="nowrap" dateTime={new Date(ms).toISOString()} title={title}>
      {text}
    </time>
  );
}

/** "12s ago", with the time itself on hover. */
export function Ago({ ms }: { ms: number }) {
  const zone = useStore(timeZone);
  if (!Number.isFinite(ms) || ms <= 0) return <span class="muted">never</span>;
  return (
    <time
      class="nowrap"
      dateTime={new Date(ms).toISOString()}
      title={`${formatTime(ms, zone)} ${zoneName(zone)}`}
    >
      {formatAge(Date.now() - ms)} ago
    </time>
  );
}

/**
 * A button that opens a panel below itself; closes on Escape, outside click and lost focus. `label`
 * is its name for those who do not see it, before what the button shows.
 */
export function Menu({
  button,
  label,
  children,
  align = 'left',
  class: className = '',
}: {
  button: ComponentChildren;
  label: string;
  children: ComponentChildren | ((close: () => void) => ComponentChildren);
  align?: 'left' | 'right';
  class?: string;
}) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const close = (): void => {
    setOpen(false);
    opener.current?.focus();
  };
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      if (!event.composedPath().includes(root.current as EventTarget)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && open) {
      event.stopPropagation();
      close();
    }
  };
  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button
        type="button"
        ref={opener}
        class={className}
        title={label}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        <span class="visually-hidden">{label} </span>
        {button}
      </button>
      {open && (
        <div class={`menu-panel ${align}`}>
          {typeof children === 'function' ? children(close) : children}
        </div>
      )}
    </div>
  );
}

/** A modal window. `onClose` on Escape, the cross, or a click beside it. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
  drawer = false,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
  wide?: boolean;
  /** At the right edge, over the whole height. */
  drawer?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) dialog.showModal();
  }, []);
  return (
    <dialog
      ref={element}
      class={`${wide ? 'wide' : ''} ${drawer ? 'drawer' : ''}`}
      aria-label={title}
      onClose={onClose}
      onClick={(event) => event.target === element.current && onClose()}
    >
      <div class="dialog-body">
        <header>
          <h2>{title}</h2>
          <button type="button" class="ghost icon-only" aria-label="Close" onClick={onClose}>
            <Icon name="cross" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Check({
  label,
  checked,
  title,
  onChange,
}: {
  label: string;
  checked: boolean;
  title?: string;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label class="check" title={title}>
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

/** A page's frame: heading, tools at its right, content. */
export function Page({
  title,
  tools,
  children,
}: {
  title: string;
  tools?: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <>
      <div class="page-head">
        <h1>{title}</h1>
        {tools && <div class="page-tools">{tools}</div>}
      </div>
      {children}
    </>
  );
}
