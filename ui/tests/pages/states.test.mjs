// Loading, error, empty, partial, hostile, huge; accessibility; other surroundings.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  api,
  asked,
  axe,
  browser,
  describePages,
  editor,
  graph,
  open,
  page,
  settled,
  table,
} from './browser.mjs';
import { hostile, startCanned } from './canned.mjs';

describePages('states of the query page', () => {
  test('waiting tells how long', async () => {
    await page.goto(graph('slow'));
    await page.getByText(/Waiting for an answer: [23] s/).waitFor();
    await page.locator('.loading .bone').first().waitFor();
  });

  for (const [query, heading, words] of [
    ['html', 'The answer cannot be read', 'Log in first'],
    ['truncated', 'The answer cannot be read', 'not the JSON'],
    ['bad(', 'The server refused', 'unclosed left parenthesis'],
    ['denied', 'Not allowed', 'Unauthorized'],
    ['busy', 'Too many requests', 'too many'],
    ['down', 'The server is not ready', 'starting'],
  ]) {
    test(`error state: ${query}`, async () => {
      await page.goto(table(query));
      const box = page.locator('.notice.error');
      await box.waitFor();
      assert.match(await box.textContent(), new RegExp(heading));
      assert.match(await box.locator('pre').first().textContent(), new RegExp(words));
      const before = asked('query').length;
      await box.getByRole('button', { name: 'Retry' }).click();
      await page.waitForTimeout(200);
      assert.equal(asked('query').length, before + 1);
    });
  }

  test('empty: what was asked, when, and where there is data', async () => {
    await page.goto(graph('empty', '&g0.end_input=2001-01-01%2000:00:00'));
    const text = await page.locator('.empty').textContent();
    assert.match(
      text,
      /empty has no samples between 2000-12-31 23:50:00 and 2001-01-01 00:00:00 UTC/,
    );
    await page.getByText(/(outside of what|What) the stores have/).waitFor();
  });

  test('partial: named store, marked graph, marked export', async () => {
    await page.goto(graph('partial'));
    const bar = page.locator('.notice.partial');
    await bar.waitFor();
    assert.match(await bar.textContent(), /Partial result: 1 of 2 stores failed/);
    assert.match(await bar.textContent(), /10\.0\.0\.7:10901/);
    await page.locator('.graph-mark').waitFor();
    assert.match(await page.locator('.notice.info').textContent(), /PromQL info: a remark/);
    await page.getByRole('button', { name: 'More' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    assert.equal(file.suggestedFilename(), 'partial.csv');
    assert.match(
      readFileSync(await file.path(), 'utf8'),
      /^# PARTIAL RESULT: receive series from Addr: 10\.0\.0\.7/,
    );
  });

  for (const tab of [graph, table]) {
    test(`hostile text stays text: ${tab === graph ? 'graph' : 'table'}`, async () => {
      await page.goto(tab('hostile'));
      await settled();
      assert.equal(await page.locator('main img:not(.cm-widgetBuffer), main script').count(), 0);
      assert.ok(
        (await page.locator('main').textContent()).includes('<script>window.hacked=1</script>'),
      );
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    });
  }

  test('a thousand series and more: drawn, bounded, said', async () => {
    await page.goto(graph('size1200', '&g0.step_input=60'));
    await page.getByText('1,000 of 1,200 series are drawn').waitFor();
    assert.equal(await page.locator('button.series').count(), 50);
  });

  test('below a prefix, with storage blocked', async () => {
    const prefixed = await startCanned('/a/b');
    const fresh = await browser.newContext();
    const other = await fresh.newPage();
    const errors = [];
    other.on('pageerror', (error) => errors.push(error.message));
    await other.addInitScript(() =>
      Object.defineProperty(window, 'localStorage', {
        get: () => {
          throw new DOMException('no', 'SecurityError');
        },
      }),
    );
    await other.goto(`${prefixed.url}graph?g0.expr=a&g0.tab=0`);
    await other.waitForSelector('.u-over');
    await other.locator('.brand').click();
    await other.getByText('Type an expression').waitFor();
    assert.equal(new URL(other.url()).pathname, '/a/b/');
    assert.deepEqual(errors, []);
    await fresh.close();
    await prefixed.close();
  });

  test('an unknown page, and a server that is starting', async () => {
    await page.goto(`${api.url}nowhere`);
    await page.getByText('There is no page "nowhere" here').waitFor();
  });

  for (const colorScheme of ['dark', 'light']) {
    for (const width of [1280, 390]) {
      test(`accessible and inside of the window: ${colorScheme}, ${width} px`, async () => {
        await open({ viewport: { width, height: 800 }, colorScheme });
        const address = `${graph('partial')}&g1.expr=size20&g1.tab=1&g2.expr=a&g2.tab=explain&g2.analyze=1&g3.expr=bad(&g4.expr=empty&g5.expr=sum(a)&g5.tab=explain&g5.show_tree=1`;
        await page.goto(address);
        await settled();
        assert.deepEqual(
          await page.evaluate(() =>
            document.documentElement.scrollWidth <= innerWidth
              ? []
              : [...document.querySelectorAll('main *')]
                  .filter((e) => e.getBoundingClientRect().right > innerWidth)
                  .slice(0, 5)
                  .map((e) => e.outerHTML.slice(0, 150)),
          ),
          [],
        );
        await page.evaluate(axe);
        const found = await page.evaluate(() => window.axe.run({ resultTypes: ['violations'] }));
        const bad = found.violations.filter(({ impact }) =>
          ['serious', 'critical'].includes(impact),
        );
        assert.deepEqual(
          bad.map(
            ({ id, nodes }) =>
              `${id}: ${nodes
                .slice(0, 3)
                .map(({ html }) => html.slice(0, 120))
                .join(' | ')}`,
          ),
          [],
        );
      });
    }
  }

  test('the answer of an older run never replaces that of a newer one', async () => {
    await page.goto(table('slow'));
    await page.locator('.run', { hasText: 'Cancel' }).waitFor();
    await editor().click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('quick');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.locator('.result-table').waitFor();
    await page.waitForTimeout(100);
    assert.equal(await page.locator('.notice.error').count(), 0);
  });

  test('hostile text in addresses', async () => {
    await page.goto(
      `${api.url}graph?g0.expr=${encodeURIComponent(hostile)}&g0.tab=0&g0.engine=${encodeURIComponent(hostile)}&g0.store_matches=${encodeURIComponent(JSON.stringify([hostile]))}&g0.tenant=${encodeURIComponent(hostile)}&g0.max_source_resolution=${encodeURIComponent(hostile)}`,
    );
    await settled();
    assert.equal(await page.locator('main img:not(.cm-widgetBuffer), main script').count(), 0);
  });
});
