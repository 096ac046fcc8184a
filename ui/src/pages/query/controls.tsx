// What a panel is asked with: times, step, options.
import { useEffect, useState } from 'preact/hooks';
import type { UiConfig } from '../../api/config';
import { timeZone } from '../../app/preferences';
import { Check, Segments } from '../../components/controls';
import { Icon } from '../../components/icon';
import { useStore } from '../../lib/store';
import { formatDuration, formatTime, parseDuration, parseTime, zoneName } from '../../lib/time';
import { neighbourRange, stepOf } from './step';
import { StoresMenu } from './stores_menu';
import type { Density, Display, Draw, ExplainView, PanelState, Tab, YAxis } from './url_state';
import { forceTracing } from './use_run';

export type Change = (next: Partial<PanelState>) => void;

/** A text field that takes effect on Enter and when it is left; what cannot be read is marked. */
function Field({
  value,
  label,
  read,
  onValue,
  placeholder,
  width,
}: {
  value: string;
  label: string;
  /** null: not readable. */
  read: (text: string) => number | null;
  onValue: (value: number | null) => void;
  placeholder?: string;
  width: number;
}) {
  const [text, setText] = useState(value);
  const [bad, setBad] = useState(false);
  useEffect(() => {
    setText(value);
    setBad(false);
  }, [value]);
  const commit = (): void => {
    if (text === value) return;
    const next = text.trim() === '' ? null : read(text);
    const wrong = text.trim() !== '' && next === null;
    setBad(wrong);
    if (!wrong) onValue(next);
  };
  return (
    <input
      type="text"
      class="field"
      style={{ width: `${width}px` }}
      aria-label={label}
      title={label}
      aria-invalid={bad}
      placeholder={placeholder ?? ''}
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => event.key === 'Enter' && commit()}
    />
  );
}

const limit = (text: string): number | null => {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
};

const positive = (text: string): number | null => {
  const ms = parseDuration(text);
  return ms !== null && ms > 0 ? ms : null;
};

function RangeInput({ panel, onChange }: { panel: PanelState; onChange: Change }) {
  const step = (direction: -1 | 1): void =>
    onChange({ rangeMs: neighbourRange(panel.rangeMs, direction) });
  return (
    <span class="joined" role="group" aria-label="Range">
      <button type="button" aria-label="Shorter range" onClick={() => step(-1)}>
        <Icon name="minus" size={13} />
      </button>
      <Field
        label="Range"
        width={72}
        value={formatDuration(panel.rangeMs)}
        read={positive}
        onValue={(ms) => ms && onChange({ rangeMs: ms })}
      />
      <button type="button" aria-label="Longer range" onClick={() => step(1)}>
        <Icon name="plus" size={13} />
      </button>
    </span>
  );
}

function EndInput({ panel, onChange }: { panel: PanelState; onChange: Change }) {
  const zone = useStore(timeZone);
  const { endMs, rangeMs } = panel;
  const move = (direction: -1 | 1): void =>
    onChange({ endMs: (endMs ?? Date.now()) + (direction * rangeMs) / 2 });
  const what = panel.tab === 'table' ? 'Time' : 'End';
  return (
    <span class="joined" role="group" aria-label={what}>
      <button type="button" aria-label="Earlier" onClick={() => move(-1)}>
        <Icon name="left" size={13} />
      </button>
      <Field
        label={`${what} in ${zoneName(zone)}: a time, now-1h, or empty for now`}
        width={166}
        placeholder={`now · ${zoneName(zone)}`}
        value={endMs === null ? '' : formatTime(endMs, zone, endMs % 1000 !== 0)}
        read={(text) => parseTime(text, zone, Date.now())}
        onValue={(ms) => onChange({ endMs: ms })}
      />
      {endMs !== null && (
        <button
          type="button"
          aria-label="Now"
          title="Now"
          onClick={() => onChange({ endMs: null })}
        >
          <Icon name="cross" size={12} />
        </button>
      )}
      <button type="button" aria-label="Later" onClick={() => move(1)}>
        <Icon name="right" size={13} />
      </button>
    </span>
  );
}

function StepInput({
  panel,
  config,
  onChange,
}: {
  panel: PanelState;
  config: UiConfig;
  onChange: Change;
}) {
  const { resolution, rangeMs } = panel;
  const fixed = 'stepMs' in resolution;
  const auto = (density: Density): string =>
    `${density[0]!.toUpperCase()}${density.slice(1)} · ${formatDuration(stepOf({ density }, rangeMs, config.defaultStep))}`;
  const pick = (value: string): void => {
    if (value === 'fixed')
      onChange({ resolution: { stepMs: stepOf(resolution, rangeMs, config.defaultStep) } });
    else onChange({ resolution: { density: value as Density } });
  };
  return (
    <span class="joined" role="group" aria-label="Step">
      <select
        aria-label="Resolution"
        title="Resolution and step"
        value={fixed ? 'fixed' : resolution.density}
        onChange={(event) => pick(event.currentTarget.value)}
      >
        <option value="low">{auto('low')}</option>
        <option value="medium">{auto('medium')}</option>
        <option value="high">{auto('high')}</option>
        <option value="fixed">Step …</option>
      </select>
      {fixed && (
        <Field
          label="Step"
          width={64}
          value={formatDuration(resolution.stepMs)}
          read={positive}
          onValue={(ms) => onChange({ resolution: ms ? { stepMs: ms } : { density: 'medium' } })}
        />
      )}
    </span>
  );
}

const SOURCES: readonly [string, string][] = [
  ['auto', 'Auto source'],
  ['0s', 'Raw only'],
  ['5m', 'Up to 5m'],
  ['1h', 'Up to 1h'],
];

function Options({
  panel,
  config,
  onChange,
}: {
  panel: PanelState;
  config: UiConfig;
  onChange: Change;
}) {
  const tracing = useStore(forceTracing);
  const sources = SOURCES.some(([value]) => value === panel.maxSourceResolution)
    ? SOURCES
    : [...SOURCES, [panel.maxSourceResolution, panel.maxSourceResolution] as const];
  return (
    <>
      <Check
        label="Deduplicate"
        title="Join replicas of the same series"
        checked={panel.dedup}
        onChange={(dedup) => onChange({ dedup })}
      />
      <Check
        label="Partial response"
        title="Answer, with a warning, when a store fails"
        checked={panel.partial}
        onChange={(partial) => onChange({ partial })}
      />
      <select
        aria-label="Max source resolution"
        title="Coarsest downsampled data that may be used"
        value={panel.maxSourceResolution}
        onChange={(event) => onChange({ maxSourceResolution: event.currentTarget.value })}
      >
        {sources.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      <StoresMenu chosen={panel.stores} onChange={(stores) => onChange({ stores })} />
      {config.engines.length > 1 && panel.tab !== 'explain' && (
        <select
          aria-label="Engine"
          title="Engine"
          value={panel.engine}
          onChange={(event) => onChange({ engine: event.currentTarget.value })}
        >
          {[...new Set([...config.engines, panel.engine])].map((engine) => (
            <option key={engine} value={engine}>
              {engine} engine
            </option>
          ))}
        </select>
      )}
      {config.tenant.enabled && (
        <input
          type="text"
          class="field"
          style={{ width: '170px' }}
          aria-label="Tenant"
          placeholder={`tenant: ${config.tenant.default || 'default'}`}
          value={panel.tenant}
          onChange={(event) => onChange({ tenant: event.currentTarget.value })}
        />
      )}
      <Check
        label="Trace"
        title="Send X-Thanos-Force-Tracing"
        checked={tracing}
        onChange={forceTracing.set}
      />
    </>
  );
}

export function Tabs({ tab, onTab, id }: { tab: Tab; onTab: (next: Tab) => void; id: string }) {
  const all: [Tab, string][] = [
    ['graph', 'Graph'],
    ['table', 'Table'],
    ['explain', 'Explain'],
  ];
  const onKeyDown = (event: KeyboardEvent): void => {
    const at = all.findIndex(([value]) => value === tab);
    const move = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (move === 0) return;
    const next = all[(at + move + all.length) % all.length]![0];
    onTab(next);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab=${next}]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="View" onKeyDown={onKeyDown}>
      {all.map(([value, text]) => (
        <button
          type="button"
          key={value}
          role="tab"
          id={`${id}-${value}`}
          data-tab={value}
          aria-controls={`${id}-body`}
          aria-selected={value === tab}
          tabIndex={value === tab ? 0 : -1}
          onClick={() => onTab(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}

/** Whether the answer holds histograms, beside lines or alone. */
export type Heat = 'none' | 'some' | 'only';

export function GraphLooks({
  panel,
  onChange,
  heat,
}: {
  panel: PanelState;
  onChange: Change;
  heat: Heat;
}) {
  const display = heat === 'only' ? 'heatmap' : panel.display;
  const displays: { value: Display; text: string }[] = [
    { value: 'lines', text: 'Lines' },
    { value: 'stacked', text: 'Stacked' },
  ];
  if (heat !== 'none' || display === 'heatmap')
    displays.push({ value: 'heatmap', text: 'Heat map' });
  return (
    <>
      <Segments<Display>
        label="Display"
        value={display}
        options={heat === 'only' ? displays.slice(-1) : displays}
        onChange={(display) => onChange({ display })}
      />
      {display !== 'heatmap' && (
        <>
          <select
            aria-label="Drawing"
            value={panel.draw}
            onChange={(event) => onChange({ draw: event.currentTarget.value as Draw })}
          >
            <option value="line">Linear</option>
            <option value="step">Stepped</option>
            <option value="points">Points</option>
          </select>
          <select
            aria-label="Y axis"
            value={panel.yAxis}
            onChange={(event) => onChange({ yAxis: event.currentTarget.value as YAxis })}
          >
            <option value="auto">Y: auto</option>
            <option value="zero">Y: from zero</option>
            <option value="log">Y: log</option>
            <option value="fixed">Y: min–max</option>
          </select>
          {panel.yAxis === 'fixed' && (
            <span class="joined" role="group" aria-label="Y axis limits">
              <Field
                label="Least y"
                width={64}
                placeholder="min"
                value={panel.yMin === null ? '' : String(panel.yMin)}
                read={limit}
                onValue={(yMin) => onChange({ yMin })}
              />
              <Field
                label="Greatest y"
                width={64}
                placeholder="max"
                value={panel.yMax === null ? '' : String(panel.yMax)}
                read={limit}
                onValue={(yMax) => onChange({ yMax })}
              />
            </span>
          )}
          <Check
            label="Exemplars"
            checked={panel.exemplars}
            onChange={(exemplars) => onChange({ exemplars })}
          />
        </>
      )}
    </>
  );
}

export function PanelControls({
  panel,
  config,
  onChange,
  heat,
}: {
  panel: PanelState;
  config: UiConfig;
  onChange: Change;
  heat: Heat;
}) {
  const [open, setOpen] = useState(false);
  // Tables and query trees are of one moment.
  const range = panel.tab === 'graph' || (panel.tab === 'explain' && panel.explain !== 'tree');
  return (
    <div class="controls">
      {range && <RangeInput panel={panel} onChange={onChange} />}
      <EndInput panel={panel} onChange={onChange} />
      {range && <StepInput panel={panel} config={config} onChange={onChange} />}
      {panel.tab === 'explain' && (
        <Segments<ExplainView>
          label="Explain by"
          value={panel.explain}
          onChange={(explain) => onChange({ explain })}
          options={[
            { value: 'plan', text: 'Plan', title: 'The operators, without running them' },
            { value: 'analyze', text: 'Analyze', title: 'Run the query and measure each operator' },
            { value: 'tree', text: 'Query tree', title: 'Run each part of the expression' },
          ]}
        />
      )}
      <button
        type="button"
        class="options-toggle"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        Options
      </button>
      <div class={`options ${open ? 'open' : ''}`}>
        {panel.tab === 'graph' && <GraphLooks panel={panel} onChange={onChange} heat={heat} />}
        <Options panel={panel} config={config} onChange={onChange} />
      </div>
    </div>
  );
}
