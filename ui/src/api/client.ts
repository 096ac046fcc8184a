// Calls of the HTTP API below <base>. Whatever comes back, the caller gets an answer or an
// ApiError that says what happened: proxies answer HTML, connections break in the middle of JSON.

export type ErrorKind =
  | 'network' // No answer: refused, reset, or ended in the middle.
  | 'timeout' // Our own deadline passed.
  | 'aborted' // We cancelled it.
  | 'auth' // 401, 403.
  | 'busy' // 429: too many requests.
  | 'unavailable' // 502, 503, 504.
  | 'format' // An answer, but not the JSON of the API.
  | 'api'; // The API's own error, with its errorType.

export class ApiError extends Error {
  readonly kind: ErrorKind;
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** errorType of the API, "" when the API did not answer. */
  readonly errorType: string;
  readonly warnings: string[];
  /** From Retry-After, in milliseconds; 0 unknown. */
  readonly retryAfterMs: number;
  /** The call, as a curl command line. */
  readonly curl: string;

  constructor(kind: ErrorKind, message: string, more: Partial<ApiError> = {}) {
    super(message);
    this.name = 'ApiError';
    this.kind = kind;
    this.status = more.status ?? 0;
    this.errorType = more.errorType ?? '';
    this.warnings = more.warnings ?? [];
    this.retryAfterMs = more.retryAfterMs ?? 0;
    this.curl = more.curl ?? '';
  }
}

export type ParamValue = string | number | boolean | null | undefined | readonly string[];
export type Params = Readonly<Record<string, ParamValue>>;

export interface CallOptions {
  /** Default GET; POST sends `params` as a form. */
  method?: 'GET' | 'POST';
  /** undefined and null are left out, lists repeat the key. */
  params?: Params;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  /** Default two minutes. */
  timeoutMs?: number;
}

export interface Answer<T> {
  data: T;
  warnings: string[];
  infos: string[];
  headers: Headers;
  /** The body as it came, for exports. */
  text: string;
  tookMs: number;
}

export function encodeParams(params: Params = {}): string {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === null || value === undefined) continue;
    if (Array.isArray(value)) for (const one of value as readonly string[]) out.append(key, one);
    else out.append(key, String(value));
  }
  return out.toString();
}

/** The address of a path below <base>: "api/v1/query". Never starts with a slash. */
export function addressOf(path: string): string {
  return new URL(path, document.baseURI).href;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** The same call for a terminal. */
export function curlOf(path: string, options: CallOptions = {}): string {
  const words = ['curl', '-sS'];
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    words.push('-H', quote(`${name}: ${value}`));
  }
  const params = new URLSearchParams(encodeParams(options.params));
  if ((options.method ?? 'GET') === 'GET' && params.size > 0) words.push('-G');
  if (options.method === 'POST' && params.size === 0) words.push('-X', 'POST');
  for (const [key, value] of params) words.push('--data-urlencode', quote(`${key}=${value}`));
  return [...words, quote(addressOf(path))].join(' ');
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const textsOf = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];

function retryAfterMs(headers: Headers): number {
  const seconds = Number(headers.get('Retry-After'));
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return 'auth';
  if (status === 429) return 'busy';
  return 'unavailable';
}

// The first words of an answer that is not ours, without tags when it is HTML.
function excerpt(text: string): string {
  const plain = /^\s*</.test(text)
    ? text.replace(/<(script|style)[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ')
    : text;
  const short = plain.replace(/\s+/g, ' ').trim();
  return short.length > 300 ? short.slice(0, 300) + '…' : short;
}

function answerOf<T>(response: Response, text: string, tookMs: number, curl: string): Answer<T> {
  const { status, headers } = response;
  const more = { status, curl, retryAfterMs: retryAfterMs(headers) };
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (isRecord(body) && body['status'] === 'success') {
    return {
      data: body['data'] as T,
      warnings: textsOf(body['warnings']),
      infos: textsOf(body['infos']),
      headers,
      text,
      tookMs,
    };
  }
  if (isRecord(body) && body['status'] === 'error') {
    const errorType = String(body['errorType'] ?? '');
    throw new ApiError('api', String(body['error'] ?? 'unknown error'), {
      ...more,
      errorType,
      warnings: textsOf(body['warnings']),
    });
  }
  if (!response.ok) {
    const kind =
      status >= 502 || [401, 403, 429].includes(status) ? kindOfStatus(status) : 'format';
    const said = excerpt(text) || response.statusText || 'no further words';
    throw new ApiError(kind, said, more);
  }
  const what = /^\s*</.test(text) ? 'HTML instead of JSON' : 'not the JSON of the API';
  throw new ApiError('format', `The answer is ${what}: ${excerpt(text) || '(empty)'}`, more);
}

/** Calls `path` (relative to <base>). Throws ApiError only. */
export async function call<T>(path: string, options: CallOptions = {}): Promise<Answer<T>> {
  const curl = curlOf(path, options);
  const began = performance.now();
  const deadline = new AbortController();
  const timeoutMs = options.timeoutMs ?? 120_000;
  const timer = setTimeout(() => deadline.abort(), timeoutMs);
  const giveUp = (): void => deadline.abort();
  if (options.signal?.aborted) deadline.abort();
  options.signal?.addEventListener('abort', giveUp, { once: true });
  const encoded = encodeParams(options.params);
  const post = options.method === 'POST';
  const headers: Record<string, string> = { Accept: 'application/json', ...options.headers };
  if (post) headers['Content-Type'] = 'application/x-www-form-urlencoded';
  try {
    const response = await fetch(addressOf(!post && encoded ? `${path}?${encoded}` : path), {
      method: post ? 'POST' : 'GET',
      headers,
      ...(post ? { body: encoded } : {}),
      signal: deadline.signal,
      credentials: 'same-origin',
      cache: 'no-store',
    });
    const text = await response.text();
    return answerOf<T>(response, text, performance.now() - began, curl);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    if (options.signal?.aborted) throw new ApiError('aborted', 'Cancelled.', { curl });
    if (deadline.signal.aborted) {
      throw new ApiError('timeout', `No answer within ${timeoutMs / 1000} s.`, { curl });
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError('network', `The connection failed or broke off: ${why}`, { curl });
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', giveUp);
  }
}
