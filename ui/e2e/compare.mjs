// node e2e/compare.mjs <our binary> <binary of Go Thanos> [<rounds>]
//
// Both UIs over the same endpoints, in the same browser, in turn: time to first paint and bytes of a
// cold load of the query page, frames per second while 200 series of 1,000 points are panned.
// Ours is panned by Shift and drag. Theirs has no such thing: it is moved by its own arrow for an
// earlier end, as often as it draws. Prints a table and ends with 1 when a bar is missed: at most
// half of the time and of the bytes, no fewer frames.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { utc } from './content.mjs';
import { findBrowser, launch } from '../tests/chromium.mjs';
import { requireFromLock } from './harness.mjs';
import { pause, startStack } from './stack.mjs';

const [ours, theirs, rounds = '7'] = process.argv.slice(2);
if (!ours || !theirs || !existsSync(ours) || !existsSync(theirs)) {
  console.error('usage: node e2e/compare.mjs <our binary> <binary of Go Thanos> [<rounds>]');
  process.exit(2);
}
const playwright = requireFromLock('playwright-core');
const executable = findBrowser();
if (!playwright || !executable) {
  console.log('skipped: no browser, or the packages of ui/ are not installed');
  process.exit(77);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

// A context of its own is a cold cache.
async function coldLoad(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    let bytes = 0;
    let script = 0;
    const kinds = new Map();
    await session.send('Network.enable');
    session.on('Network.responseReceived', ({ requestId, type }) => kinds.set(requestId, type));
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
      bytes += encodedDataLength;
      if (kinds.get(requestId) === 'Script') script += encodedDataLength;
    });
    await page.goto(address, { waitUntil: 'networkidle' });
    const paint = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    );
    return { paint, bytes, script };
  } finally {
    await context.close();
  }
}

// Frames that the browser shows while `act` runs, per second.
async function framesDuring(page, act) {
  await page.evaluate(() => {
    window.frameCount = 0;
    window.frameStart = performance.now();
    const count = () => {
      ++window.frameCount;
      window.frameHandle = requestAnimationFrame(count);
    };
    window.frameHandle = requestAnimationFrame(count);
  });
  await act();
  return page.evaluate(() => {
    cancelAnimationFrame(window.frameHandle);
    return (window.frameCount / (performance.now() - window.frameStart)) * 1000;
  });
}

const graphOf = (stack, base) =>
  `${base}graph?g0.expr=demo_load&g0.tab=0&g0.range_input=1000m&g0.step_input=60&g0.end_input=${utc(stack.end)}`;

async function panOurs(browser, stack) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    await page.goto(graphOf(stack, stack.query));
    const over = page.locator('.u-over').first();
    await over.waitFor();
    await page.waitForLoadState('networkidle');
    await pause(500);
    const box = await over.boundingBox();
    const y = box.y + box.height / 2;
    return await framesDuring(page, async () => {
      await page.keyboard.down('Shift');
      await page.mouse.move(box.x + box.width / 2, y);
      await page.mouse.down();
      for (let i = 0; i < 120; ++i)
        await page.mouse.move(box.x + box.width / 2 + 200 * Math.sin(i / 10), y);
      await page.mouse.up();
      await page.keyboard.up('Shift');
    });
  } finally {
    await context.close();
  }
}

async function panTheirs(browser, stack) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const page = await context.newPage();
    await page.goto(graphOf(stack, stack.go));
    await page.locator('.graph canvas, .graph-chart canvas').first().waitFor();
    await page.waitForLoadState('networkidle');
    await pause(500);
    const back = page.locator('button[title="Decrease time"]').first();
    await back.waitFor();
    return await framesDuring(page, async () => {
      for (let i = 0; i < 8; ++i) {
        await back.click();
        await page.waitForLoadState('networkidle');
        await pause(200);
      }
    });
  } finally {
    await context.close();
  }
}

const stack = await startStack(resolve(ours), { goPeer: resolve(theirs), series: 200 });
const browser = await launch(playwright.chromium, executable);
let missed = false;
try {
  const loads = { ours: [], theirs: [] };
  const frames = { ours: [], theirs: [] };
  for (let i = 0; i < Number(rounds); ++i) {
    loads.ours.push(await coldLoad(browser, stack.query + 'graph'));
    loads.theirs.push(await coldLoad(browser, stack.go + 'graph'));
  }
  for (let i = 0; i < Math.min(3, Number(rounds)); ++i) {
    frames.ours.push(await panOurs(browser, stack));
    frames.theirs.push(await panTheirs(browser, stack));
  }
  const of = (who, key) => median(loads[who].map((one) => one[key]));
  const row = (name, a, b, bar, good) => {
    missed ||= !good;
    console.log(`| ${name} | ${a} | ${b} | ${bar} | ${good ? 'yes' : 'NO'} |`);
  };
  const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
  console.log(`| median of ${rounds} | ours | Go's | bar | met |\n| --- | --- | --- | --- | --- |`);
  row(
    'first contentful paint, cold',
    `${of('ours', 'paint').toFixed(0)} ms`,
    `${of('theirs', 'paint').toFixed(0)} ms`,
    'half',
    of('ours', 'paint') <= of('theirs', 'paint') / 2,
  );
  row(
    'bytes of the query page, cold',
    kib(of('ours', 'bytes')),
    kib(of('theirs', 'bytes')),
    'half',
    of('ours', 'bytes') <= of('theirs', 'bytes') / 2,
  );
  row(
    'script of these',
    kib(of('ours', 'script')),
    kib(of('theirs', 'script')),
    '220 KiB',
    of('ours', 'script') <= 220 * 1024,
  );
  row(
    'frames per second, panning 200 × 1,000',
    median(frames.ours).toFixed(1),
    median(frames.theirs).toFixed(1),
    'no fewer',
    median(frames.ours) >= median(frames.theirs),
  );
} finally {
  await browser.close();
  await stack.stop();
}
process.exit(missed ? 1 : 0);
