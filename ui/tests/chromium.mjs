// The browser that tests and measurements run in: Debian's, without anything that calls home.
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The first of these programs that PATH has; null when it has none. */
export function onPath(names) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) if (existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

/** CHROMIUM names another one. */
export const findBrowser = () =>
  process.env.CHROMIUM ?? onPath(['chromium', 'chromium-browser', 'google-chrome']);

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `chromium` is that of playwright-core. */
export const launch = (chromium, executablePath = findBrowser()) =>
  chromium.launch({ executablePath, args: ARGS });
