// What the server tells the UI about itself: GET api/v1/ui/config.
import { createStore } from '../lib/store';
import { call } from './client';

export type Component = 'query' | 'rule' | 'store' | 'compact' | 'bucket' | 'sidecar' | 'receive';

export interface UiConfig {
  component: Component;
  version: string;
  pathPrefix: string;
  queryMode: string;
  engines: string[];
  defaultEngine: string;
  /** Seconds. */
  defaultStep: number;
  /** Seconds. */
  lookbackDelta: number;
  partialResponseDefault: boolean;
  replicaLabels: string[];
  tenant: { enabled: boolean; header: string; default: string };
  /** Blocks may be marked, queries cancelled. */
  adminOperations: boolean;
  features: string[];
  /** Where queries go when this role has no query API of its own (rule); "" here. */
  alertQueryUrl: string;
  /** Template with {traceID}; "" makes no links. */
  traceUrlTemplate: string;
  serverTimeMs: number;
}

export const defaultConfig: UiConfig = {
  component: 'query',
  version: '',
  pathPrefix: '',
  queryMode: 'local',
  engines: ['prometheus', 'thanos'],
  defaultEngine: 'prometheus',
  defaultStep: 1,
  lookbackDelta: 300,
  partialResponseDefault: true,
  replicaLabels: [],
  tenant: { enabled: false, header: 'THANOS-TENANT', default: '' },
  adminOperations: false,
  features: [],
  alertQueryUrl: '',
  traceUrlTemplate: '',
  serverTimeMs: 0,
};

/** Fields of other types than ours are as if they were missing. */
export function readConfig(value: unknown): UiConfig {
  const config: Record<string, unknown> = { ...defaultConfig };
  if (typeof value !== 'object' || value === null) return defaultConfig;
  for (const [key, fallback] of Object.entries(defaultConfig)) {
    const given = (value as Record<string, unknown>)[key];
    if (Array.isArray(fallback) === Array.isArray(given) && typeof given === typeof fallback) {
      if (given !== null) config[key] = given;
    }
  }
  config['tenant'] = { ...defaultConfig.tenant, ...(config['tenant'] as object) };
  return config as unknown as UiConfig;
}

/** How far this browser's clock is ahead of the server's; 0 unknown. */
export const clockSkewMs = createStore(0);

/** Throws ApiError. */
export async function loadConfig(signal?: AbortSignal): Promise<UiConfig> {
  const options = signal ? { signal, timeoutMs: 10_000 } : { timeoutMs: 10_000 };
  const config = readConfig((await call<unknown>('api/v1/ui/config', options)).data);
  if (config.serverTimeMs > 0) clockSkewMs.set(Date.now() - config.serverTimeMs);
  return config;
}
