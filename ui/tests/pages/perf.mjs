// Measures what people feel: first paint, first draw, frames while panning. Prints JSON.
import { chromium } from 'playwright-core';
import { launch } from '../chromium.mjs';
import { startCanned } from './canned.mjs';

const api = await startCanned();
const browser = await launch(chromium);
const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
const out = {};
// How long the main thread is busy with a large answer: from the response to the picture.
await page.addInitScript(() => {
  window.longest = 0;
  new PerformanceObserver((list) =>
    list
      .getEntries()
      .forEach(({ duration }) => (window.longest = Math.max(window.longest, duration))),
  ).observe({ type: 'longtask', buffered: true });
});
await page.goto(`${api.url}graph?g0.expr=size200&g0.tab=0&g0.range_input=1000s&g0.step_input=1`);
await page.waitForSelector('.legend-box tbody tr');
await page.waitForTimeout(1000);
out.firstPaintMs = await page.evaluate(() =>
  Math.round(performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1),
);
out.bytes = await page.evaluate(() =>
  performance
    .getEntriesByType('resource')
    .filter((e) => e.name.includes('/static/'))
    .reduce((sum, e) => sum + e.encodedBodySize, 0),
);
const box = await page.locator('.u-over').boundingBox();
const frames = () =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const times = [];
        const until = performance.now() + 2000;
        const tick = (now) => {
          times.push(now);
          if (now < until) requestAnimationFrame(tick);
          else resolve(times);
        };
        requestAnimationFrame(tick);
      }),
  );
await page.keyboard.down('Shift');
await page.mouse.move(box.x + box.width / 2, box.y + 100);
await page.mouse.down();
const measured = frames();
const began = Date.now();
for (let i = 0; Date.now() - began < 2000; ++i)
  await page.mouse.move(box.x + box.width / 2 + 150 * Math.sin(i / 15), box.y + 100);
const times = await measured;
const gaps = times
  .slice(1)
  .map((t, i) => t - times[i])
  .sort((a, b) => a - b);
out.panFps = Math.round((times.length - 1) / ((times.at(-1) - times[0]) / 1000));
out.panFrameP95Ms = Math.round(gaps[Math.floor(gaps.length * 0.95)]);
await page.mouse.up();
await page.keyboard.up('Shift');
await page.goto(`${api.url}graph?g0.expr=size1000&g0.tab=0&g0.range_input=1000s&g0.step_input=1`);
await page.waitForSelector('.legend-box tbody tr');
await page.waitForTimeout(1500);
out.longestTask1000x1000Ms = await page.evaluate(() => Math.round(window.longest));
console.log(JSON.stringify(out));
await browser.close();
await api.close();
