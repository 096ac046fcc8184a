// Each page while it waits, when it fails, when there is nothing, when a part is missing; and with
// data that wants to harm or is far too much.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from './content.mjs';
import { apiError, json } from './harness.mjs';
import {
  alert,
  alerting,
  block,
  blocks,
  group,
  PAGES,
  rule,
  store,
  target,
  WARNING,
} from './pages.mjs';
import { HOSTILE } from './stack.mjs';

const NASTY = {
  markup: HOSTILE,
  link: 'javascript:window.hacked=1',
  rightToLeft: '\u202Egnp.exe\u202C',
  zero: 'a\u0000b',
  surrogate: 'a\ud800b',
  long: 'x'.repeat(65_536),
};
const nastyLabels = { ...NASTY, [HOSTILE]: HOSTILE };
const manyLabels = Object.fromEntries(
  Array.from({ length: 10_000 }, (_, i) => [`label_${i}`, `value ${i}`]),
);

const HOSTILE_ANSWERS = {
  stores: {
    [HOSTILE]: [store(HOSTILE, { lastError: HOSTILE, labelSets: [nastyLabels, manyLabels] })],
  },
  targets: {
    activeTargets: [
      target(1, {
        labels: nastyLabels,
        discoveredLabels: manyLabels,
        lastError: HOSTILE,
        scrapeUrl: NASTY.link,
        health: 'down',
      }),
    ],
    droppedTargets: [],
  },
  rules: {
    groups: [
      group(
        [
          rule(HOSTILE, {
            query: NASTY.long,
            labels: nastyLabels,
            health: 'err',
            lastError: HOSTILE,
          }),
        ],
        HOSTILE,
      ),
    ],
  },
  alerts: {
    groups: [
      group(
        [
          alerting(HOSTILE, [alert(nastyLabels, { ...NASTY, summary: HOSTILE })], {
            query: HOSTILE,
          }),
        ],
        HOSTILE,
      ),
    ],
  },
  metrics: {
    [HOSTILE]: [{ type: HOSTILE, help: HOSTILE, unit: HOSTILE }],
    [NASTY.long]: [{ type: 'gauge', help: NASTY.long, unit: '' }],
  },
  cardinality: {
    headStats: { numSeries: 1 },
    seriesCountByMetricName: [
      { name: HOSTILE, value: 1 },
      { name: NASTY.long, value: 1 },
    ],
    seriesCountByLabelValuePair: [{ name: `a=${HOSTILE}`, value: 1 }],
  },
  queries: {
    active: [
      {
        id: '1',
        query: HOSTILE,
        tenant: HOSTILE,
        start: 0,
        end: 60,
        step: 1,
        began: new Date().toISOString(),
        seconds: 1,
        samples: 0,
        peakBytes: 0,
        error: '',
      },
    ],
    finished: [
      {
        id: '2',
        query: NASTY.long,
        tenant: '',
        start: 0,
        end: 0,
        step: 0,
        began: 'x',
        seconds: 1,
        samples: 1,
        peakBytes: 1,
        error: HOSTILE,
      },
    ],
  },
  status: { version: HOSTILE, revision: NASTY.long },
  flags: { [HOSTILE]: HOSTILE, 'a.b': NASTY.long },
  blocks: blocks(
    [block(1, { thanos: { labels: nastyLabels, source: HOSTILE, downsample: { resolution: 0 } } })],
    {
      err: HOSTILE,
      marks: [
        { ulid: block(1).ulid, kind: 'no-compact', reason: HOSTILE, details: NASTY.long, time: 1 },
      ],
      troubled: [{ ulid: HOSTILE, state: HOSTILE, reason: HOSTILE }],
    },
  ),
};

const addressOf = (stack, page) => stack[page.role] + page.path;

export function define({ stack, browser }) {
  for (const page of PAGES) {
    test(`${page.name}: waits visibly and can be cancelled`, async () => {
      const held = [];
      await browser.visit(
        addressOf(stack(), page),
        async (tab) => {
          await tab.locator('.bone').first().waitFor();
          await tab.getByText('Waiting for an answer').first().waitFor();
          await tab.getByRole('button', { name: 'Cancel', exact: true }).first().click();
          await tab.getByText('Cancelled', { exact: true }).first().waitFor();
          for (const route of held) await route.abort().catch(() => {});
        },
        { routes: { [page.api]: (route) => held.push(route) }, failuresExpected: true },
      );
    });

    test(`${page.name}: an error is told in the server's words, and Retry brings the page`, async () => {
      let broken = true;
      await browser.visit(
        addressOf(stack(), page),
        async (tab) => {
          const box = tab.locator('.notice.error').first();
          await box.getByText(`it broke: ${HOSTILE}`).waitFor();
          assert.match(await box.textContent(), /HTTP 500 · internal/);
          assert.ok(await box.getByRole('button', { name: 'Copy as curl' }).isVisible());
          broken = false;
          await box.getByRole('button', { name: 'Retry' }).click();
          await settled(tab, page.shown);
          assert.equal(await tab.locator('.notice.error').count(), 0);
        },
        {
          routes: {
            [page.api]: (route) =>
              broken
                ? route.fulfill(apiError(500, 'internal', `it broke: ${HOSTILE}`))
                : route.continue(),
          },
          failuresExpected: true,
        },
      );
    });

    test(`${page.name}: HTML, half an answer and a broken connection are errors, not a blank page`, async () => {
      for (const answer of [
        {
          status: 502,
          contentType: 'text/html',
          body: '<html><script>window.hacked=1</script>Bad gateway</html>',
        },
        { status: 200, contentType: 'text/html', body: '<html>please log in</html>' },
        { status: 200, contentType: 'application/json', body: '{"status":"success","data":{"a' },
        { status: 200, contentType: 'application/json', body: 'null' },
        { status: 429, contentType: 'text/plain', body: 'too many' },
        { status: 401, contentType: 'text/plain', body: 'Unauthorized' },
        (route) => route.abort('connectionreset'),
      ]) {
        await browser.visit(
          addressOf(stack(), page),
          (tab) => tab.locator('main .notice.error').first().waitFor(),
          { routes: { [page.api]: answer }, failuresExpected: true },
        );
      }
    });

    if (page.empty) {
      test(`${page.name}: nothing is told as nothing`, async () => {
        await browser.visit(
          addressOf(stack(), page),
          (tab) => tab.getByText(page.emptyText).waitFor(),
          { routes: { [page.api]: json(page.empty) } },
        );
      });
    }
    if (page.warns) {
      test(`${page.name}: a partial answer says which store is missing`, async () => {
        await browser.visit(
          addressOf(stack(), page),
          async (tab) => {
            const bar = tab.locator('.notice.partial');
            await bar.getByText('Partial result: 1 store failed').waitFor();
            assert.match(await bar.textContent(), /10\.0\.0\.1:10901/);
            await settled(tab, page.shown);
          },
          {
            routes: {
              [page.api]: async (route) => {
                const answer = await route.fetch();
                await route.fulfill({
                  response: answer,
                  json: { ...(await answer.json()), warnings: WARNING },
                });
              },
            },
          },
        );
      });
    }
    const hostile = HOSTILE_ANSWERS[page.name];
    if (hostile) {
      test(`${page.name}: hostile data is text`, async () => {
        for (const width of [390, 1280]) {
          await browser.visit(
            addressOf(stack(), page),
            async (tab) => {
              await tab.locator('main h1').waitFor();
              await tab.waitForFunction(
                () => document.querySelector('main [aria-busy="true"]') === null,
              );
              assert.equal(
                await tab
                  .locator('main .notice.error pre', { hasText: 'This page failed' })
                  .count(),
                0,
              );
              if (page.name !== 'blocks')
                await tab
                  .getByText('<script>window.hacked=1</script>', { exact: false })
                  .first()
                  .waitFor();
              await browser.shoot(tab, `hostile-${page.name}-${width}`);
            },
            { width, routes: { [page.api]: json(hostile) } },
          );
        }
      });
    }
  }

  test('blocks: hostile data is text in the table and in the details', async () => {
    await browser.visit(
      stack().bucket + 'blocks?view=table',
      async (tab) => {
        await tab.getByRole('button', { name: block(1).ulid, exact: true }).click();
        await tab.getByRole('dialog').getByText('Marked: no-compact').waitFor();
        await tab.getByRole('dialog').getByText('meta.json').last().click();
      },
      { routes: { 'api/v1/blocks': json(HOSTILE_ANSWERS.blocks) } },
    );
  });

  test('alerts: hostile data is text in the details', async () => {
    await browser.visit(
      `${stack().query}alerts?rule=${encodeURIComponent(`${HOSTILE}/${HOSTILE}`)}`,
      async (tab) => {
        await tab.getByRole('dialog').getByText('1 active alert').waitFor();
        assert.equal(await tab.getByRole('dialog').locator('a[href^="javascript"]').count(), 0);
      },
      { routes: { 'api/v1/rules': json(HOSTILE_ANSWERS.alerts) } },
    );
  });

  test('compact: a halted group is told with its reason', async () => {
    const halted = {
      groups: [
        {
          key: 'k',
          labels: '{a="b"}',
          halted: true,
          resolution: 0,
          reason: `overlap ${HOSTILE}`,
          since: new Date().toISOString(),
          nextTry: new Date().toISOString(),
          failures: 3,
          blocks: [block(1).ulid],
        },
      ],
    };
    await browser.visit(
      stack().compact + 'loaded',
      async (tab) => {
        await tab.getByText('1 group halted').waitFor();
        await tab.getByText(`overlap ${HOSTILE}`).waitFor();
      },
      { routes: { 'api/v1/compact/halted': json(halted) } },
    );
  });

  test('blocks: overlaps, marks and partial uploads are shown', async () => {
    const list = [
      block(0),
      block(1),
      block(1, { ulid: '01HFZZZZZZZZZZZZZZZZZZZZZZ' }),
      block(5, { compaction: { level: 3, sources: [] } }),
    ];
    const answer = blocks(list, {
      marks: [
        { ulid: list[0].ulid, kind: 'deletion', reason: '', details: 'old', time: 1_700_000_000 },
      ],
      troubled: [
        {
          ulid: '01HGPARTXXXXXXXXXXXXXXXXXX',
          state: 'partial',
          reason: 'no meta.json that can be read',
        },
      ],
    });
    await browser.visit(
      stack().bucket + 'blocks',
      async (tab) => {
        await settled(tab, 'partial uploads');
        await tab.getByRole('button', { name: /Overlapping 2/ }).click();
        assert.match(tab.url(), /only=overlapping/);
        await tab.getByRole('button', { name: 'Table', exact: true }).click();
        assert.equal(await tab.locator('table.blocks tbody tr').count(), 2);
        await browser.shoot(tab, 'blocks-overlapping');
      },
      { routes: { 'api/v1/blocks': json(answer) } },
    );
  });

  test('blocks: 50,000 of them are drawn and moved', async () => {
    const list = Array.from({ length: 50_000 }, (_, i) =>
      block(i % 5000, {
        ulid: (
          '01HG' +
          i
            .toString(32)
            .toUpperCase()
            .replace(/[ILOU]/g, 'Z')
        ).padEnd(26, '0'),
        compaction: { level: 1 + (i % 4), sources: [] },
        thanos: {
          labels: { cluster: `c${i % 25}` },
          downsample: { resolution: [0, 300_000, 3_600_000][i % 3] },
          source: 'compactor',
        },
      }),
    );
    await browser.visit(
      stack().bucket + 'blocks?group=cluster',
      async (tab) => {
        await tab.locator('.timeline canvas').waitFor({ timeout: 30_000 });
        await tab.locator('.timeline-scroll').focus();
        const frames = await tab.evaluate(async () => {
          const box = document.querySelector('.timeline-scroll');
          const area = box.getBoundingClientRect();
          const times = [];
          let last = performance.now();
          for (let i = 0; i < 120; ++i) {
            const ctrlKey = i < 40;
            box.dispatchEvent(
              new WheelEvent('wheel', {
                deltaY: ctrlKey ? -60 : 0,
                deltaX: ctrlKey ? 0 : i % 20 < 10 ? 60 : -60,
                ctrlKey,
                clientX: area.left + area.width / 2,
                clientY: area.top + 40,
                bubbles: true,
                cancelable: true,
              }),
            );
            await new Promise(requestAnimationFrame);
            const now = performance.now();
            times.push(now - last);
            last = now;
          }
          return times.sort((a, b) => a - b);
        });
        console.log(
          `# 50,000 blocks: median frame ${frames[60].toFixed(1)} ms, slowest of 20 ${frames[114].toFixed(1)} ms`,
        );
        await tab.waitForURL(/min-time=/);
        await browser.shoot(tab, 'blocks-50000');
      },
      { routes: { 'api/v1/blocks': json(blocks(list)) } },
    );
  });

  test('rules: 10,000 of them scroll, and the browser holds few', async () => {
    const groups = Array.from({ length: 100 }, (_, g) =>
      group(
        Array.from({ length: 100 }, (_, r) => rule(`rule_${g}_${r}`)),
        `group_${g}`,
      ),
    );
    await browser.visit(
      stack().query + 'rules',
      async (tab) => {
        await settled(tab, '10,000 rules');
        assert.ok((await tab.locator('.line').count()) < 300);
        await tab.evaluate(() => scrollTo(0, document.body.scrollHeight));
        await tab.getByText('rule_99_99').first().waitFor();
        await tab.getByLabel('Filter by name').fill('rule_42_17');
        await tab.getByText('1 rule', { exact: true }).waitFor();
      },
      { routes: { 'api/v1/rules': json({ groups }) } },
    );
  });

  test('endpoints: 2,000 of them', async () => {
    const list = Array.from({ length: 2000 }, (_, i) =>
      store(`10.0.${i >> 8}.${i & 255}:10901`, { labelSets: [{ shard: String(i) }] }),
    );
    await browser.visit(
      stack().query + 'stores',
      async (tab) => {
        await settled(tab, '2000 up');
        await tab.getByLabel('Filter by address').fill('shard=1999');
        await tab.getByText('10.0.7.207:10901').waitFor();
      },
      { routes: { 'api/v1/stores': json({ store: list }) } },
    );
  });

  test('endpoints: a hole in the time covered is told', async () => {
    const day = 86_400_000;
    const now = Date.now();
    const list = [
      store('a:1', { minTime: now - 10 * day, maxTime: now - 5 * day }),
      store('b:1', { minTime: now - 4 * day, maxTime: now }),
    ];
    await browser.visit(
      stack().query + 'stores',
      (tab) => tab.getByText(/Nothing covers 1d from/).waitFor(),
      { routes: { 'api/v1/stores': json({ store: list }) } },
    );
  });

  test('a server that is starting is asked again', async () => {
    let asked = 0;
    await browser.visit(stack().query + 'flags', (tab) => settled(tab, '--http-address'), {
      routes: {
        'api/v1/ui/config': (route) =>
          ++asked <= 2
            ? route.fulfill({ status: 503, contentType: 'text/plain', body: 'starting' })
            : route.continue(),
      },
      failuresExpected: true,
    });
    assert.ok(asked >= 3);
  });
}
