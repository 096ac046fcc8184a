// What can be done with a mouse can be done without.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from './content.mjs';

export function define({ stack, browser }) {
  test('g and a letter lead to every page', async () => {
    await browser.visit(stack().query + 'flags', async (tab) => {
      await settled(tab, '--http-address');
      for (const [key, path] of [
        ['e', 'stores'],
        ['a', 'alerts'],
        ['r', 'rules'],
        ['t', 'targets'],
        ['m', 'metrics-explorer'],
        ['c', 'cardinality'],
        ['u', 'queries'],
        ['s', 'status'],
        ['f', 'flags'],
        ['q', 'graph'],
      ]) {
        await tab.keyboard.press('g');
        await tab.keyboard.press(key);
        await tab.waitForURL((url) => url.pathname === `/${path}`);
      }
    });
  });

  test('/ goes to the filter, letters there are text, Escape closes the help', async () => {
    await browser.visit(stack().query + 'flags', async (tab) => {
      await settled(tab, '--http-address');
      await tab.keyboard.press('/');
      await tab.keyboard.type('g e?');
      assert.match(tab.url(), /text=g\+e/);
      await tab.locator('h1').click();
      await tab.keyboard.press('?');
      await tab.getByRole('dialog').waitFor();
      await tab.keyboard.press('Escape');
      await tab.getByRole('dialog').waitFor({ state: 'detached' });
    });
  });

  test('the timeline moves and zooms by keys, the address follows', async () => {
    await browser.visit(stack().bucket + 'blocks', async (tab) => {
      await settled(tab, 'overlapping');
      await tab.locator('.timeline-scroll').focus();
      await tab.keyboard.press('+');
      await tab.waitForURL(/min-time=\d+&max-time=\d+/);
      const length = () =>
        tab.evaluate(() => {
          const p = new URLSearchParams(location.search);
          return Number(p.get('max-time')) - Number(p.get('min-time'));
        });
      const start = () =>
        tab.evaluate(() => Number(new URLSearchParams(location.search).get('min-time')));
      const [before, from] = [await length(), await start()];
      await tab.keyboard.press('ArrowRight');
      await tab.waitForFunction(
        (was) => Number(new URLSearchParams(location.search).get('min-time')) > was,
        from,
      );
      assert.ok(Math.abs((await length()) - before) < 10);
      await tab.keyboard.press('0');
      await tab.waitForFunction((was) => {
        const p = new URLSearchParams(location.search);
        return Number(p.get('max-time')) - Number(p.get('min-time')) > was;
      }, before);
    });
  });

  test('the first stop of the tab key skips the navigation', async () => {
    await browser.visit(stack().query + 'flags', async (tab) => {
      await settled(tab, '--http-address');
      await tab.keyboard.press('Tab');
      assert.equal(
        await tab.evaluate(() => document.activeElement.textContent.trim()),
        'Skip to content',
      );
      await tab.keyboard.press('Enter');
      assert.equal(await tab.evaluate(() => document.activeElement.id), 'main');
    });
  });

  test('a rule opens by Enter and closes by Escape, the focus comes back', async () => {
    await browser.visit(stack().query + 'rules', async (tab) => {
      await settled(tab, 'job:up:sum');
      await tab.getByRole('button', { name: /job:up:sum/ }).focus();
      await tab.keyboard.press('Enter');
      await tab.getByRole('dialog').waitFor();
      await tab.keyboard.press('Escape');
      await tab.getByRole('dialog').waitFor({ state: 'detached' });
      assert.match(await tab.evaluate(() => document.activeElement.textContent), /job:up:sum/);
    });
  });
}
