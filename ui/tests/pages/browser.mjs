// A browser with the bundle and canned answers, for tests of pages. Skipped, and said so, where
// there is no browser or no bundle.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, afterEach, before, beforeEach, describe } from 'node:test';
import { chromium } from 'playwright-core';
import { findBrowser, launch } from '../chromium.mjs';
import { bundle, startCanned } from './canned.mjs';

const missing = !findBrowser()
  ? 'no Chromium found'
  : !existsSync(`${bundle}/assets.json`)
    ? 'no bundle: npm run build'
    : false;
export const axe = readFileSync(
  createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
  'utf8',
);
/** Of the test that runs: importers see them change. */
export let api, browser, context, page;
let problems = [];

/** A fresh window in place of the one that is open. */
export async function open(options = {}) {
  await context?.close();
  context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    colorScheme: 'dark',
    acceptDownloads: true,
    ...options,
  });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    const expected = /status of (400|401|404|429|503)/.test(message.text());
    if (message.type() === 'error' && !expected) problems.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    const ours = request.url().startsWith(new URL(api.url).origin);
    if (!ours && !request.url().startsWith('blob:')) problems.push(`foreign: ${request.url()}`);
  });
}

/** In every test: nothing thrown, nothing the policy refused, nothing from elsewhere, no script. */
export function describePages(name, define) {
  describe(name, { skip: missing }, () => {
    before(async () => {
      api = await startCanned();
      browser = await launch(chromium);
    });
    after(async () => {
      await browser?.close();
      await api?.close();
    });
    beforeEach(async () => {
      problems = [];
      api.calls.length = 0;
      api.state.aborted = 0;
      await open();
    });
    afterEach(async () => {
      const hacked = await page.evaluate(() => window.hacked).catch(() => undefined);
      await context.close();
      context = undefined;
      assert.equal(hacked, undefined);
      assert.deepEqual(problems, []);
    });
    define();
  });
}

export const graph = (expr, more = '') =>
  `${api.url}graph?g0.expr=${encodeURIComponent(expr)}&g0.tab=0&g0.range_input=10m${more}`;
export const table = (expr, more = '') =>
  `${api.url}graph?g0.expr=${encodeURIComponent(expr)}&g0.tab=1${more}`;

/** Parameters of each call of an endpoint so far. */
export const asked = (name) =>
  api.calls.filter(([path]) => path === `/api/v1/${name}`).map(([, params]) => params);

export const editor = () => page.locator('.cm-content').first();

/** Nothing is loading, and the editor is there. */
export async function settled() {
  // What was just done takes a picture or two to be drawn, and only then calls the API.
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve, 60)));
      }),
  );
  await page.waitForFunction(
    () =>
      !document.querySelector('[role=tabpanel][aria-busy=true], .loading') &&
      document.querySelector('.editor-host:not([hidden])'),
  );
}

/** The expression of a panel in the address. */
export const exprOf = (n = 0) => new URL(page.url()).searchParams.get(`g${n}.expr`);
