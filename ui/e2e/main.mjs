// node e2e/main.mjs <binary> [<folder for screenshots>]: the UI of that binary in a real browser, over a real system.
// Ends with 77 and one line where the browser or what the system needs is absent.
// THANOS_UI_MODULES: the node_modules folder to use; CHROMIUM: the browser.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe } from 'node:test';
import { define as defineContent } from './content.mjs';
import { findBrowser, launch, onPath } from '../tests/chromium.mjs';
import { Browser, requireFromLock } from './harness.mjs';
import { define as defineKeyboard } from './keyboard.mjs';
import { startStack } from './stack.mjs';
import { define as defineStates } from './states.mjs';

const [binary, artifacts = join(process.cwd(), 'ui-screenshots')] = process.argv.slice(2);
if (!binary || !existsSync(binary)) {
  console.error('usage: node e2e/main.mjs <thanos binary> [<folder for screenshots>]');
  process.exit(2);
}

function skip(what) {
  console.log(`skipped: ${what}`);
  process.exit(77);
}
const playwright = requireFromLock('playwright-core');
const executable = findBrowser();
if (!playwright) skip('the packages of ui/ are not installed (npm ci)');
if (!executable) skip('there is no chromium (scripts/setup extra)');
if (!onPath(['prometheus']) || !onPath(['promtool']))
  skip('there is no prometheus (scripts/setup test)');

let stack = null;
const browser = new Browser(null, resolve(artifacts));

before(async () => {
  stack = await startStack(resolve(binary));
  browser.browser = await launch(playwright.chromium, executable);
});
after(async () => {
  await browser.browser?.close();
  await stack?.stop();
});

const context = { stack: () => stack, browser };
// Pages wait more than they compute: two at a time.
describe('pages', { concurrency: 2 }, () => {
  defineContent(context);
  defineStates(context);
  defineKeyboard(context);
});
