// Times and durations as text. Inside everything is milliseconds since 1970 or a length in ms;
// in addresses it is UTC; people see the zone they chose.

const UNITS: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** "1h30m", "90", "1.5" (seconds) to ms; null when it is none. */
export function parseDuration(text: string): number | null {
  const clean = text.trim();
  if (/^\d+(\.\d+)?$/.test(clean)) return Math.round(Number(clean) * 1000);
  const match =
    /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(clean);
  if (!match || clean === '') return null;
  return UNITS.reduce((sum, [, ms], i) => sum + Number(match[i + 1] ?? 0) * ms, 0);
}

/** The Prometheus form: "1h30m". */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms);
  if (ms < 0) return '-' + formatDuration(-ms);
  let rest = Math.round(ms);
  if (rest === 0) return '0s';
  let out = '';
  for (const [unit, length] of UNITS) {
    // Years and weeks only when they come out even, as Prometheus prints them.
    if ((unit === 'y' || unit === 'w') && rest % length !== 0) continue;
    const count = Math.floor(rest / length);
    if (count > 0) out += count + unit;
    rest -= count * length;
  }
  return out;
}

/** About how long, in two units at most: "3d 4h", "12s". For ages and distances. */
export function formatAge(ms: number): string {
  if (!Number.isFinite(ms)) return '–';
  const length = Math.abs(ms);
  if (length < 1000) return `${Math.round(length)}ms`;
  const units = UNITS.filter(([unit]) => unit !== 'w' && unit !== 'ms');
  const first = units.findIndex(([, size]) => length >= size);
  const [unit, size] = units[first] ?? ['s', 1000];
  const whole = Math.floor(length / size);
  const next = units[first + 1];
  const more = next ? Math.floor((length - whole * size) / next[1]) : 0;
  return `${whole}${unit}${next && more > 0 ? ` ${more}${next[0]}` : ''}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(ms: number, zone: string): Record<string, string> {
  let format = formats.get(zone);
  if (!format) {
    const options: Intl.DateTimeFormatOptions = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hourCycle: 'h23',
      ...(zone === 'local' ? {} : { timeZone: zone }),
    };
    try {
      format = new Intl.DateTimeFormat('en-CA', options);
    } catch {
      format = new Intl.DateTimeFormat('en-CA', { ...options, timeZone: 'UTC' });
    }
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
}

const LIMIT_MS = 8.64e15;

/** "2026-01-02 03:04:05", with ".006" when `millis`. zone: "UTC", "local" or an IANA name. */
export function formatTime(ms: number, zone: string, millis = false): string {
  if (!Number.isFinite(ms) || Math.abs(ms) > LIMIT_MS) return 'no limit';
  const p = partsOf(ms, zone);
  const text = `${p['year']}-${p['month']}-${p['day']} ${p['hour']}:${p['minute']}:${p['second']}`;
  if (!millis) return text;
  const rest = ((Math.floor(ms) % 1000) + 1000) % 1000;
  return `${text}.${String(rest).padStart(3, '0')}`;
}

/** Minutes that the zone is ahead of UTC at a time. */
export function zoneOffsetMinutes(ms: number, zone: string): number {
  if (zone === 'UTC') return 0;
  if (zone === 'local') return -new Date(ms).getTimezoneOffset();
  const shown = formatTime(ms, zone).replace(' ', 'T') + 'Z';
  return Math.round((Date.parse(shown) - Math.floor(ms / 1000) * 1000) / 60_000);
}

/** "UTC", "Europe/Berlin". */
export function zoneName(zone: string): string {
  if (zone !== 'local') return zone;
  return Intl.DateTimeFormat().resolvedOptions().timeZone || 'local';
}

/**
 * "2026-01-02 03:04:05" in a zone, "2026-01-02", RFC 3339, seconds since 1970 (9 digits and more),
 * "now", "now-1h". null when it is none.
 */
export function parseTime(text: string, zone: string, nowMs: number): number | null {
  const clean = text.trim();
  const relative = /^now(?:\s*([-+])\s*(\S+))?$/.exec(clean);
  if (relative) {
    const length = relative[2] ? parseDuration(relative[2]) : 0;
    return length === null ? null : nowMs + (relative[1] === '-' ? -length : length);
  }
  if (/^\d{9,12}(\.\d+)?$/.test(clean)) return Math.round(Number(clean) * 1000);
  if (/^\d{13}$/.test(clean)) return Number(clean);
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?(Z|[-+]\d\d:\d\d)?$/.exec(
      clean,
    );
  if (!match) return null;
  const [, year, month, day, hour = '00', minute = '00', second = '00', millis = '0', offset] =
    match;
  const utc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  if (Number.isNaN(utc)) return null;
  const ms = utc + Number(millis.padEnd(3, '0'));
  if (offset === 'Z') return ms;
  if (offset) {
    const [h = 0, m = 0] = offset.slice(1).split(':').map(Number);
    return ms - (offset[0] === '-' ? -1 : 1) * (h * 60 + m) * 60_000;
  }
  // The offset depends on the time we look for: once more with the better guess.
  const guess = ms - zoneOffsetMinutes(ms, zone) * 60_000;
  return ms - zoneOffsetMinutes(guess, zone) * 60_000;
}
