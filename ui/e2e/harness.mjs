// A browser that notices what must never happen: errors on the console, reports of the content
// security policy, requests to anywhere else, scripts that came with data.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ui = dirname(dirname(fileURLToPath(import.meta.url)));

/** Packages of the lock: THANOS_UI_MODULES (a node_modules folder), else ui/node_modules. Null: not installed. */
export function requireFromLock(name) {
  for (const folder of [process.env.THANOS_UI_MODULES, join(ui, 'node_modules')]) {
    if (folder && existsSync(join(folder, name))) return createRequire(join(folder, 'x.js'))(name);
  }
  return null;
}

export function packageFile(name, file) {
  for (const folder of [process.env.THANOS_UI_MODULES, join(ui, 'node_modules')]) {
    if (folder && existsSync(join(folder, name, file))) return join(folder, name, file);
  }
  throw new Error(`${name} is not installed: npm ci in ui/`);
}

// What Chromium itself says of an answer that is an error: expected where a test makes one.
const FAILED_LOAD = /^Failed to load resource/;

export class Visit {
  constructor(page, origin) {
    this.page = page;
    this.errors = [];
    this.foreign = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(`uncaught: ${error.message}`));
    page.on('request', (request) => {
      const { protocol, origin: from } = new URL(request.url());
      if (protocol !== 'blob:' && protocol !== 'data:' && from !== origin)
        this.foreign.push(request.url());
    });
  }

  /** To be asked at the end of every visit. */
  async assertClean({ failuresExpected = false } = {}) {
    const { page } = this;
    const errors = failuresExpected
      ? this.errors.filter((text) => !FAILED_LOAD.test(text))
      : this.errors;
    assert.deepEqual(errors, [], 'errors on the console');
    assert.deepEqual(this.foreign, [], 'requests to other origins');
    const seen = await page.evaluate(() => ({
      csp: window.cspReports ?? [],
      hacked: window.hacked,
      scripts: document.querySelectorAll('body script, img, iframe, object').length,
      tooWide: document.scrollingElement.scrollWidth - innerWidth,
    }));
    assert.deepEqual(seen.csp, [], 'reports of the content security policy');
    assert.equal(seen.hacked, undefined, 'a script of the data ran');
    assert.equal(seen.scripts, 0, 'elements that came with data');
    assert.ok(seen.tooWide <= 0, `the page is ${seen.tooWide} px wider than the window`);
  }
}

export class Browser {
  constructor(browser, artifacts) {
    this.browser = browser;
    this.artifacts = artifacts;
    mkdirSync(artifacts, { recursive: true });
  }

  /**
   * A fresh page at `address`; `body` gets (page, visit). `routes`: {"api/v1/stores": answer or
   * handler} answer instead of the server, by what stands behind the base.
   */
  async visit(
    address,
    body,
    {
      width = 1280,
      height = 900,
      scheme = 'light',
      routes = {},
      failuresExpected = false,
      storage = true,
    } = {},
  ) {
    const context = await this.browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: 'reduce',
    });
    context.setDefaultTimeout(10_000);
    try {
      await context.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) => {
          (window.cspReports ??= []).push(`${event.violatedDirective} ${event.blockedURI}`);
        });
      });
      if (!storage) {
        await context.addInitScript(() => {
          Object.defineProperty(window, 'localStorage', {
            get() {
              throw new DOMException('blocked', 'SecurityError');
            },
          });
        });
      }
      const page = await context.newPage();
      for (const [path, answer] of Object.entries(routes)) {
        await page.route(
          (url) => url.pathname.endsWith('/' + path),
          typeof answer === 'function' ? answer : (route) => route.fulfill(answer),
        );
      }
      const visit = new Visit(page, new URL(address).origin);
      await page.goto(address);
      await body(page, visit);
      await visit.assertClean({ failuresExpected });
    } finally {
      await context.close();
    }
  }

  async shoot(page, name) {
    await page.screenshot({ path: join(this.artifacts, `${name}.png`) });
  }
}

export const json = (data, more = {}) => ({
  status: 200,
  contentType: 'application/json',
  body: JSON.stringify({ status: 'success', data, ...more }),
});
export const apiError = (status, errorType, error) => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify({ status: 'error', errorType, error }),
});
