// What people do on the query page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  api,
  asked,
  describePages,
  editor,
  exprOf,
  graph,
  page,
  settled,
  table,
} from './browser.mjs';

describePages('query page', () => {
  test('typing, Enter: the address, the request, the graph', async () => {
    await page.goto(api.url);
    await editor().click();
    await page.keyboard.type('sum(canned)');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.u-over');
    assert.equal(exprOf(), 'sum(canned)');
    assert.equal(asked('query_range').length, 1);
    assert.equal(asked('query_range')[0].get('query'), 'sum(canned)');
    assert.match(
      await page.locator('.statistics').textContent(),
      /3 series .* step 15s .*123,456 samples.*trace abc123/,
    );
    assert.match(
      await page.locator('.graph').getAttribute('aria-label'),
      /Graph of 3 series, from .* to /,
    );
    assert.match(await page.locator('#live').textContent(), /Done, 3 series/);
  });

  test('a shared link opens as it was sent', async () => {
    await page.goto(
      graph(
        'a',
        '&g0.deduplicate=0&g0.partial_response=0&g0.step_input=30&g0.store_matches=%5B%7B%22name%22%3A%2210.0.0.1%3A10901%22%7D%5D&g0.max_source_resolution=1h&g0.end_input=2026-01-02%2003:04:05',
      ),
    );
    await settled();
    const [params] = asked('query_range');
    assert.deepEqual(params.getAll('storeMatch[]'), ['{__address__="10.0.0.1:10901"}']);
    assert.deepEqual(
      ['dedup', 'partial_response', 'step', 'max_source_resolution', 'end'].map((key) =>
        params.get(key),
      ),
      ['false', 'false', '30', '1h', String(Date.UTC(2026, 0, 2, 3, 4, 5) / 1000)],
    );
    await page.getByLabel('Deduplicate').check();
    await settled();
    assert.equal(asked('query_range').at(-1).get('dedup'), 'true');
    await page.goBack();
    await settled();
    assert.equal(asked('query_range').at(-1).get('dedup'), 'false');
    assert.equal(await page.getByLabel('Deduplicate').isChecked(), false);
  });

  test('completion of metrics with their help, of labels, of functions with docs', async () => {
    await page.goto(api.url);
    await editor().click();
    await page.keyboard.type('cann', { delay: 20 });
    await page.waitForSelector('.cm-tooltip-autocomplete li');
    const options = await page.locator('.cm-tooltip-autocomplete li').allTextContents();
    assert.ok(
      options.some((text) => text.includes('canned_total') && text.includes('counter')),
      options.join(),
    );
    // The editor takes no key just after the list has opened: again until it does.
    const chosen = page.locator('.cm-tooltip-autocomplete li[aria-selected="true"]');
    for (let tries = 0; tries < 20; ++tries) {
      if ((await chosen.allTextContents()).some((text) => text.includes('canned_total'))) break;
      await page.keyboard.press('ArrowDown');
      await page.waitForTimeout(100);
    }
    await page.waitForSelector('.cm-completionInfo');
    assert.match(await page.locator('.cm-completionInfo').textContent(), /What a can holds/);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('canned{jo', { delay: 20 });
    await page.waitForFunction(() =>
      [
        ...document
          .querySelector('.editor-host')
          .shadowRoot.querySelectorAll('.cm-tooltip-autocomplete li'),
      ].some((li) => li.textContent.includes('job')),
    );
    await page.keyboard.press('Escape');
    await page.keyboard.press('Control+a');
    await page.keyboard.type('histogram_q', { delay: 20 });
    await page.waitForSelector('.cm-completionInfo');
    assert.match(await page.locator('.cm-completionInfo').textContent(), /quantile/i);
  });

  test('formatting, and what cannot be formatted', async () => {
    await page.goto(table('sum(canned)'));
    await settled();
    await editor().click();
    await page.keyboard.press('Control+Shift+F');
    await page.waitForFunction(() =>
      document
        .querySelector('.editor-host')
        .shadowRoot.querySelector('.cm-content')
        .innerText.includes('  canned'),
    );
    assert.equal(exprOf(), 'sum(canned)');
    await page.getByText('edited, not run').waitFor();
  });

  test('history with Ctrl+Up and in its window', async () => {
    await page.goto(table('first'));
    await settled();
    await editor().click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('second');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await settled();
    await page.keyboard.press('Control+ArrowUp');
    await page.keyboard.press('Control+ArrowUp');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.search.includes('first'));
    await settled();
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByText('History …').click();
    await page.locator('dialog .history .item', { hasText: 'second' }).click();
    await page.waitForFunction(() => location.search.includes('second'));
  });

  test('metrics are found by their help and put into the expression', async () => {
    await page.goto(api.url);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByText('Metrics …').click();
    await page.getByLabel('Find by name or help').fill('can holds');
    await page.locator('dialog .metrics .item', { hasText: 'counter' }).click();
    await page.waitForFunction(
      () =>
        document
          .querySelector('.editor-host')
          .shadowRoot.querySelector('.cm-content')
          .innerText.trim() === 'canned_total',
    );
  });

  test('cancel really ends the request', async () => {
    await page.goto(graph('slow'));
    await page.locator('.run', { hasText: 'Cancel' }).click();
    await page.locator('.notice.error', { hasText: 'Cancelled' }).waitFor();
    for (let i = 0; api.state.aborted === 0 && i < 50; ++i)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(api.state.aborted, 1);
    api.state.aborted = 0;
    await page.reload();
    await page.locator('.run', { hasText: 'Cancel' }).waitFor();
    await editor().click();
    await page.keyboard.press('Escape');
    await page.locator('.notice.error', { hasText: 'Cancelled' }).waitFor();
  });

  test('zoom by dragging, back by double click, pan by Shift', async () => {
    await page.goto(graph('a', '&g0.end_input=2026-01-02%2003:00:00'));
    await settled();
    const over = await page.locator('.u-over').boundingBox();
    const drag = async (from, to) => {
      await page.mouse.move(over.x + over.width * from, over.y + 60);
      await page.mouse.down();
      await page.mouse.move(over.x + over.width * to, over.y + 60, { steps: 5 });
      await page.mouse.up();
      await settled();
    };
    await drag(0.25, 0.75);
    const zoomed = new URL(page.url()).searchParams;
    assert.equal(zoomed.get('g0.range_input'), '5m');
    assert.match(zoomed.get('g0.end_input'), /^2026-01-02 02:57:(29|30|31)$/);
    await page.keyboard.down('Shift');
    await drag(0.5, 0.3);
    await page.keyboard.up('Shift');
    assert.equal(new URL(page.url()).searchParams.get('g0.range_input'), '5m');
    assert.match(
      new URL(page.url()).searchParams.get('g0.end_input'),
      /^2026-01-02 02:58:(29|30|31)$/,
    );
    await page.mouse.dblclick(over.x + 300, over.y + 60);
    await page.waitForFunction(() => location.search.includes('02%3A57%3A'));
    await page.mouse.dblclick(over.x + 300, over.y + 60);
    await page.waitForFunction(() => location.search.includes('range_input=10m'));
  });

  test('keys on the chart', async () => {
    await page.goto(graph('a', '&g0.end_input=2026-01-02%2003:00:00'));
    await settled();
    const press = async (key, wanted) => {
      await page.locator('.graph').focus();
      await page.keyboard.press(key);
      await page.waitForFunction(
        (text) => decodeURIComponent(location.search).includes(text),
        wanted,
      );
      await settled();
    };
    await press('ArrowLeft', 'end_input=2026-01-02+02:57:30');
    await press('ArrowRight', 'end_input=2026-01-02+03:00:00');
    await press('+', 'range_input=5m');
    await press('-', 'range_input=10m');
    await press('0', 'end_input=2026-01-02+03:00:00');
    await press('s', 'stacked=1');
    await press('y', 'y_axis_min=0');
    await page.locator('.graph').focus();
    await page.keyboard.press('l');
    await page.waitForSelector('.legend', { state: 'detached' });
    await press('t', 'tab=1');
  });

  test('keys of the page: help, editor, none while typing', async () => {
    await page.goto(table('a'));
    await settled();
    await page.locator('main').focus();
    await page.keyboard.press('?');
    await page.locator('dialog', { hasText: 'Shift+Enter' }).waitFor();
    await page.keyboard.press('Escape');
    await page.waitForSelector('dialog', { state: 'detached' });
    await page.locator('main').focus();
    await page.keyboard.press('e');
    await page.keyboard.press('End');
    await page.keyboard.type('?/ge');
    assert.equal(await page.locator('dialog').count(), 0);
    assert.match(await editor().textContent(), /a\?\/ge/);
  });

  test('legend: isolate, add, filter, filter out', async () => {
    await page.goto(graph('size20'));
    await settled();
    const rows = page.locator('button.series');
    const on = () => page.locator('button.series[aria-pressed=true]').count();
    assert.equal(await rows.count(), 20);
    await rows.nth(3).click();
    assert.equal(await on(), 1);
    await rows.nth(5).click({ modifiers: ['Control'] });
    assert.equal(await on(), 2);
    await page.getByRole('button', { name: 'Show all' }).click();
    assert.equal(await on(), 20);
    await page.getByLabel('Filter series').fill('host-1"');
    assert.equal(await rows.count(), 1);
    await page.locator('.legend button[aria-expanded]').click();
    await page.getByRole('button', { name: 'Filter out job api' }).click();
    await page.waitForFunction(() =>
      new URLSearchParams(location.search).get('g0.expr').includes('job!="api"'),
    );
  });

  test('table: sorting, columns, many rows, CSV', async () => {
    await page.goto(table('size1500'));
    await settled();
    assert.equal(await page.locator('.result-table tbody tr').count(), 1000);
    await page.getByRole('button', { name: /^Value/ }).click();
    assert.match(await page.locator('.result-table tbody tr').first().textContent(), /host-1499/);
    await page.getByRole('button', { name: 'Show all 1,500' }).click();
    assert.equal(await page.locator('.result-table tbody tr').count(), 1500);
    await page.getByRole('button', { name: 'Label columns' }).click();
    assert.ok((await page.locator('.result-table thead').textContent()).includes('instance'));
    await page.getByRole('button', { name: 'More' }).click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'CSV' }).click(),
    ]);
    const lines = readFileSync(await file.path(), 'utf8').split('\r\n');
    assert.equal(lines[0], '__name__,instance,timestamp,value');
    assert.equal(lines.length, 1502);
  });

  test('values are shown as the API wrote them', async () => {
    await page.goto(table('x'));
    await settled();
    assert.equal(await page.locator('.result-table td.number').first().textContent(), '1.50');
    await page.goto(table('scalar'));
    await page.getByRole('cell', { name: '42', exact: true }).waitFor();
  });

  test('histograms: heat maps of classic and native ones, buckets in the table', async () => {
    await page.goto(graph('classic', '&g0.display_mode=heatmap'));
    await settled();
    const over = await page.locator('.u-over').boundingBox();
    await page.mouse.move(over.x + 200, over.y + over.height - 20);
    assert.match(await page.locator('.chart-tip').textContent(), /0 … 0\.1/);
    await page.goto(graph('native'));
    await settled();
    await page.mouse.move(over.x + 210, over.y + over.height / 2);
    assert.match(await page.locator('.chart-tip').textContent(), /…/);
    await page.goto(table('native'));
    await settled();
    assert.equal(await page.locator('.bucket').count(), 12);
    assert.match(await page.locator('.buckets').textContent(), /count 100 · sum 321\.5/);
  });

  test('plan and analysis: time, samples, bytes and stores of each operator', async () => {
    await page.goto(`${api.url}graph?g0.expr=a&g0.tab=explain`);
    await page.getByText('scan canned[5m] with rate()').waitFor();
    assert.equal(asked('query_range_explain')[0].get('engine'), 'thanos');
    await page.getByRole('button', { name: 'Analyze' }).click();
    await page.getByText('54,321').waitFor();
    const text = await page.locator('.plan').textContent();
    for (const part of [
      '12 ms',
      '4.5 ms',
      '1 MiB',
      '2 KiB',
      '10.0.0.1:10901',
      '9ms1207994 KiB',
      '<script>',
    ])
      assert.ok(text.includes(part), part);
    await page.getByRole('button', { name: 'Close' }).first().click();
    assert.equal(await page.locator('.plan tbody tr').count(), 1);
  });

  test('query tree: each part is run, counted, and can become the query', async () => {
    await page.goto(
      `${api.url}graph?g0.expr=${encodeURIComponent('size7 / (empty + bad)')}&g0.tab=explain&g0.show_tree=1`,
    );
    await page.getByText('7 series').waitFor();
    const rows = await page.locator('.plan tbody tr').allTextContents();
    assert.equal(rows.length, 5);
    assert.match(rows[1], /size7.*7 series.*instance 7/);
    assert.match(rows[3], /empty.*0 series/);
    assert.deepEqual(
      asked('query')
        .map((params) => params.get('query'))
        .sort(),
      ['bad', 'empty', 'empty + bad', 'size7', 'size7 / (empty + bad)'],
    );
    await page.getByRole('button', { name: 'Use as query' }).nth(1).click();
    await page.waitForFunction(
      () => new URLSearchParams(location.search).get('g0.expr') === 'size7',
    );
    await page.goto(`${api.url}graph?g0.expr=slow&g0.tab=explain&g0.show_tree=1`);
    api.state.aborted = 0;
    await page.locator('.legend-tools').getByRole('button', { name: 'Cancel' }).click();
    await page.locator('.error-text', { hasText: 'Cancelled' }).waitFor();
    for (let i = 0; api.state.aborted === 0 && i < 50; ++i)
      await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(api.state.aborted, 1);
  });

  test('several panels: add, run all, duplicate, remove', async () => {
    await page.goto(table('one'));
    await settled();
    await page.getByRole('button', { name: 'Add panel' }).click();
    await page.locator('.query-panel').nth(1).locator('.cm-content').click();
    await page.keyboard.type('two');
    await page.keyboard.press('Escape');
    api.calls.length = 0;
    await page.keyboard.press('Control+Enter');
    await page.waitForFunction(() => new URLSearchParams(location.search).get('g1.expr') === 'two');
    await settled();
    assert.deepEqual(
      asked('query')
        .map((params) => params.get('query'))
        .sort(),
      ['one', 'two'],
    );
    await page.getByRole('button', { name: 'More' }).nth(1).click();
    await page.getByText('Duplicate panel').click();
    await page.waitForFunction(() => new URLSearchParams(location.search).get('g2.expr') === 'two');
    await page.getByRole('button', { name: 'More' }).nth(0).click();
    await page.getByText('Remove panel').click();
    await page.waitForFunction(
      () =>
        new URLSearchParams(location.search).get('g0.expr') === 'two' &&
        !location.search.includes('g2.'),
    );
    await page.waitForFunction(() => document.querySelectorAll('.query-panel').length === 2);
    await editor().click();
    await page.keyboard.type('2');
    await page.getByRole('button', { name: 'More' }).nth(0).click();
    await page.getByText('Move down').click();
    await page.waitForFunction(() =>
      document
        .querySelectorAll('.editor-host')[1]
        ?.shadowRoot?.querySelector('.cm-content')
        ?.textContent.includes('2'),
    );
    assert.equal(await editor().textContent(), 'two');
    await page.goto(
      `${api.url}graph?${Array.from({ length: 30 }, (_, i) => `g${i}.expr=a&g${i}.tab=1`).join('&')}`,
    );
    await settled();
    assert.equal(await page.locator('.query-panel').count(), 20);
    assert.ok(await page.getByRole('button', { name: 'Add panel' }).isDisabled());
  });

  test('limits of the y axis', async () => {
    await page.goto(graph('a', '&g0.y_axis=fixed&g0.y_axis_min=1'));
    await settled();
    await page.getByLabel('Greatest y').fill('100');
    await page.getByLabel('Greatest y').press('Enter');
    await page.waitForFunction(() => location.search.includes('y_axis_max=100'));
    await page.getByLabel('Greatest y').fill('lots');
    await page.getByLabel('Greatest y').press('Enter');
    assert.equal(await page.getByLabel('Greatest y').getAttribute('aria-invalid'), 'true');
  });

  test('stores filter and tenant reach the API', async () => {
    await page.goto(table('a'));
    await settled();
    await page.getByRole('button', { name: 'Stores: All stores' }).click();
    await page.getByLabel('Find stores').fill('sidecar');
    await page.locator('.store-choice input').check();
    await settled();
    assert.deepEqual(asked('query').at(-1).getAll('storeMatch[]'), [
      '{__address__="10.0.0.1:10901"}',
    ]);
    await page.keyboard.press('Escape');
    await page.getByLabel('Tenant').fill('team');
    await page.getByLabel('Tenant').press('Enter');
    await page.waitForFunction(() => location.search.includes('tenant=team'));
    await settled();
    assert.equal(
      api.calls.filter(([path]) => path === '/api/v1/query').at(-1)[2]['thanos-tenant'],
      'team',
    );
  });

  test('exemplars are asked for, and drawn with a card', async () => {
    await page.goto(graph('a', '&g0.show_exemplars=1'));
    await settled();
    await page.waitForTimeout(200);
    assert.equal(asked('query_exemplars').length, 1);
    const over = await page.locator('.u-over').boundingBox();
    let found = '';
    for (let y = 5; y < over.height && !found; y += 8) {
      await page.mouse.move(over.x + over.width / 2, over.y + y);
      if ((await page.locator('.chart-tip').count()) > 0) {
        const text = await page.locator('.chart-tip').textContent();
        if (text.includes('Exemplar')) found = text;
      }
    }
    assert.match(found, /2\.5.*trace_id=feed/);
  });

  test('times are shown in the chosen zone, the address stays UTC', async () => {
    await page.goto(table('a', '&g0.end_input=2026-01-02%2003:00:00'));
    await settled();
    await page.getByRole('button', { name: 'Time zone' }).click();
    await page.getByLabel('Find a zone').fill('Asia/Kolkata');
    await page.locator('.menu-panel .item').first().click();
    const zone = await page.locator('.zone').textContent();
    assert.match(zone, /Asia\/(Kolkata|Calcutta)/);
    assert.equal(await page.getByLabel(/^Time in Asia/).inputValue(), '2026-01-02 08:30:00');
    assert.ok(page.url().includes('03:00:00') || page.url().includes('03%3A00%3A00'));
  });

  test('refresh asks again and again, but not while an answer is awaited', async () => {
    await page.clock.install();
    await page.goto(table('quick'));
    await page.locator('.result-table').waitFor();
    await page.getByLabel('Refresh').selectOption('5s');
    for (let i = 0; i < 4; ++i) {
      await page.clock.runFor(5000);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    assert.ok(asked('query').length >= 4, `${asked('query').length} calls`);
    await page.goto(table('slow'));
    await page.locator('.run', { hasText: 'Cancel' }).waitFor();
    api.calls.length = 0;
    for (let i = 0; i < 4; ++i) await page.clock.runFor(5000);
    assert.equal(asked('query').length, 0);
  });

  test('shortcuts of one key can be switched off', async () => {
    await page.goto(graph('a'));
    await settled();
    await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
    await page.getByLabel('Shortcuts of one key').uncheck();
    await page.keyboard.press('Escape');
    await page.locator('.graph').focus();
    for (const key of ['s', 't', '?', 'ArrowLeft', 'e']) await page.keyboard.press(key);
    await settled();
    assert.equal(await page.locator('dialog').count(), 0);
    assert.ok(!page.url().includes('stacked=1') && !page.url().includes('end_input'));
    assert.ok(await page.evaluate(() => document.activeElement.classList.contains('graph')));
  });
});
