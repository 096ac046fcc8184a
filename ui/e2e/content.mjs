// Each page over the real system shows what the system has, in both themes, at all widths, without
// a fault that axe can find.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { packageFile } from './harness.mjs';
import { PAGES } from './pages.mjs';
import { getJson, until } from './stack.mjs';

const QUERY_PAGES = [
  {
    name: 'query-graph',
    role: 'query',
    path: (stack) =>
      `graph?g0.expr=demo_temperature_celsius&g0.tab=0&g0.range_input=2d&g0.end_input=${utc(stack.end)}`,
    shown: 'demo_temperature_celsius',
    title: '',
  },
  {
    name: 'query-table',
    role: 'query',
    path: () => 'graph?g0.expr=up&g0.tab=1',
    shown: 'instance',
    title: '',
  },
];

export const utc = (seconds) =>
  encodeURIComponent(new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' '));

const addressOf = (stack, page) =>
  stack[page.role] + (typeof page.path === 'function' ? page.path(stack) : page.path);

// A page is there when its text is and nothing is on its way any more.
export async function settled(page, text) {
  await page.getByText(text, { exact: false }).first().waitFor();
  await page.waitForFunction(() => document.querySelector('main [aria-busy="true"]') === null);
}

async function assertAccessible(page, name) {
  await page.evaluate(readFileSync(packageFile('axe-core', 'axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() =>
    window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }),
  );
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(
    serious.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map(({ target }) => target.join(' '))
          .slice(0, 3)
          .join(', ')}`,
    ),
    [],
    `axe on ${name}`,
  );
}

export function define({ stack, browser }) {
  for (const page of [...QUERY_PAGES, ...PAGES]) {
    for (const scheme of ['light', 'dark']) {
      for (const width of [390, 1280, 2560]) {
        test(`${page.name}, ${scheme}, ${width} px`, async () => {
          await browser.visit(
            addressOf(stack(), page),
            async (tab) => {
              await settled(tab, page.shown);
              if (page.title) assert.equal(await tab.locator('h1').textContent(), page.title);
              await browser.shoot(tab, `${page.name}-${scheme}-${width}`);
              if (width !== 2560) await assertAccessible(tab, page.name);
            },
            { width, height: width < 500 ? 844 : 1000, scheme },
          );
        });
      }
    }
  }

  test('narrowest and widest windows have no horizontal scroll', async () => {
    for (const width of [360, 3840]) {
      for (const page of PAGES) {
        await browser.visit(addressOf(stack(), page), (tab) => settled(tab, page.shown), { width });
      }
    }
  });

  test('the root of every role leads to its first page', async () => {
    for (const [role, path, title] of [
      ['query', 'graph', ''],
      ['store', 'loaded', 'Loaded blocks'],
      ['compact', 'loaded', 'Blocks that are worked on'],
      ['bucket', 'blocks', 'Blocks of the bucket'],
    ]) {
      await browser.visit(stack()[role], async (tab) => {
        if (title) await tab.getByRole('heading', { name: title }).waitFor();
        assert.equal(new URL(tab.url()).pathname, `/${path}`);
      });
    }
  });

  test('a page that this role does not have says which it has', async () => {
    await browser.visit(stack().store + 'config', async (tab) => {
      await tab.getByText('There is no page "config" here').waitFor();
      await tab.locator('main').getByRole('link', { name: 'Blocks' }).click();
      await tab.getByRole('heading', { name: 'Loaded blocks' }).waitFor();
    });
  });

  test('endpoints: the one that is down tells why, and filters find it', async () => {
    await browser.visit(stack().query + 'stores', async (tab) => {
      await settled(tab, 'Time covered');
      await tab.getByRole('button', { name: /Down only/ }).click();
      const name = tab.locator('.endpoints td', { hasText: '127.0.0.1:3rpc' });
      await name.waitFor();
      assert.match(await tab.locator('.error-text').first().textContent(), /Unavailable|refused/);
      assert.equal(await tab.locator('.endpoints tbody tr').count(), 1);
      assert.match(tab.url(), /down=1/);
      await tab.reload();
      await name.waitFor();
      assert.equal(await tab.locator('.endpoints tbody tr').count(), 1);
    });
  });

  test('targets: what is down comes with its error, details show both label sets', async () => {
    await browser.visit(stack().query + 'targets?health=down', async (tab) => {
      await settled(tab, '0 of 1 up');
      await tab.getByRole('button', { name: /connection refused/ }).click();
      await tab.getByRole('dialog').getByText('__address__').waitFor();
      await tab.keyboard.press('Escape');
      await tab.getByRole('dialog').waitFor({ state: 'detached' });
      await tab.getByRole('button', { name: 'Dropped' }).click();
      await tab.getByText('127.0.0.1:2', { exact: false }).first().waitFor();
    });
  });

  test('alerts: what fires is open, annotations are text, only web addresses are links', async () => {
    await browser.visit(stack().query + 'alerts', async (tab) => {
      await settled(tab, 'Always on <script>');
      await tab.getByRole('button', { name: /AlwaysOn demo/ }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByText('javascript:window.hacked=1').first().waitFor();
      const links = await dialog
        .locator('.facts a')
        .evaluateAll((all) => all.map((one) => [one.href, one.rel, one.target]));
      assert.ok(links.length > 0);
      for (const [href, rel] of links) {
        assert.equal(href, 'https://example.org/runbook');
        assert.equal(rel, 'noopener noreferrer');
      }
      assert.match(tab.url(), /rule=demo%2FAlwaysOn/);
    });
  });

  test('rules: an expression runs in the query page', async () => {
    await browser.visit(stack().query + 'rules?rule=demo%2Fjob%3Aup%3Asum', async (tab) => {
      await tab.getByRole('link', { name: 'Run in Query' }).click();
      await tab.waitForURL(/graph\?g0\.expr=sum/);
    });
  });

  test('hostile label values in results are text', async () => {
    await browser.visit(
      `${stack().query}graph?g0.expr=demo_hostile&g0.tab=1&g0.moment_input=${utc(stack().end - 300)}`,
      async (tab) => {
        await tab
          .locator('main')
          .getByText('<script>window.hacked=1</script>', { exact: false })
          .first()
          .waitFor();
      },
    );
  });

  test('queries: a running one is cancelled', async () => {
    // Each of the six looks at two hundred million samples: seconds.
    const expression = Array(6).fill('sum(stddev_over_time(demo_requests_total[13d]))').join(' + ');
    const running = fetch(
      `${stack().query}api/v1/query_range?query=${encodeURIComponent(expression)}&start=${stack().end - 86400}&end=${stack().end}&step=15`,
    ).then((answer) => answer.json());
    await browser.visit(stack().query + 'queries', async (tab) => {
      await tab.getByRole('button', { name: /Cancel query/ }).click();
      await until(
        'the end of the query',
        async () => (await getJson(`${stack().query}api/v1/queries`)).active.length === 0,
        20,
      );
      await tab.getByText('No query is running.').waitFor();
    });
    assert.equal((await running).status, 'error');
  });

  test('blocks: found, opened, marked with a reason, and shown as marked', async () => {
    const { blocks } = await getJson(`${stack().bucket}api/v1/blocks`);
    const { ulid } = blocks[0];
    await browser.visit(`${stack().bucket}blocks?view=table&ulid=${ulid}`, async (tab) => {
      await tab.getByRole('button', { name: ulid, exact: true }).click();
      const dialog = tab.getByRole('dialog');
      await dialog.getByRole('button', { name: 'Do not compact' }).click();
      const go = dialog.getByRole('button', { name: 'Continue' });
      assert.equal(await go.isDisabled(), true, 'a reason must be given');
      await dialog.getByLabel('Reason').fill('said <b>so</b>');
      await go.click();
      const mark = dialog.getByRole('button', { name: 'Mark as not to be compacted' });
      await dialog.getByLabel(/last six characters/).fill('WRONG0');
      assert.equal(await mark.isDisabled(), true, 'another ULID confirms nothing');
      await dialog.getByLabel(/last six characters/).fill(ulid.slice(-6));
      await mark.click();
      await dialog.getByText(`${ulid} is marked`, { exact: false }).first().waitFor();
      await dialog.getByText('Marked: no-compact').waitFor();
      await tab.keyboard.press('Escape');
      await tab.locator('tbody').getByText('no-compact').waitFor();
    });
    const { marks } = await getJson(`${stack().bucket}api/v1/blocks`);
    assert.ok(
      marks.some(
        (one) => one.ulid === ulid && one.kind === 'no-compact' && one.details === 'said <b>so</b>',
      ),
    );
  });

  test('blocks: a page of another site cannot mark', async () => {
    const answer = await fetch(`${stack().bucket}api/v1/blocks/mark`, {
      method: 'POST',
      headers: {
        'Sec-Fetch-Site': 'cross-site',
        'Content-Type': 'application/x-www-form-urlencoded',
      },
      body: 'id=x&action=DELETION',
    });
    assert.equal(answer.status, 403);
  });

  test('behind a proxy that strips its prefix', async () => {
    await browser.visit(stack().prefixed, async (tab) => {
      await tab.waitForURL(/\/some\/where\/graph$/);
      await tab.getByRole('navigation').getByRole('link', { name: 'Endpoints' }).click();
      await settled(tab, 'Time covered');
      assert.equal(new URL(tab.url()).pathname, '/some/where/stores');
      await tab.reload();
      await settled(tab, 'Time covered');
      await tab.goBack();
      await tab.waitForURL(/\/some\/where\/graph/);
    });
  });

  test('with storage blocked', async () => {
    await browser.visit(
      stack().query + 'stores',
      async (tab) => {
        await settled(tab, 'Time covered');
        await tab.getByRole('button', { name: /Colours/ }).click();
      },
      { storage: false },
    );
  });
}
