#!/usr/bin/env node
// Opens our own watch or embed page and measures what a viewer sees.
//   node watch.mjs http://127.0.0.1:8080/watch/ID [--seconds 60] [--warmup 5] [--screenshot FILE] [--width 1280] [--height 800] [--light] [--json]
// `states` are the page's states with the milliseconds since it was opened; `refused` names what its own content policy stopped.
// Exit code 0: there was a picture; 1: there was none; 2: wrongly called.
import { commandLine, measure, report, tell, withPage } from './browser.mjs';

const USAGE = 'usage: watch.mjs WATCH_URL [--seconds N] [--warmup N] [--screenshot FILE] [--width N] [--height N] [--light] [--json]';
const { url, seconds, warmup, screenshot, width, height, light, json } =
  commandLine(USAGE, { seconds: 60, warmup: 5, screenshot: '', width: 1280, height: 800, light: false, json: false });

const result = await withPage(async (page) => {
  const refused = [];
  const foreign = [];
  page.on('console', (message) => { if (/Content Security Policy/i.test(message.text())) refused.push(message.text()); });
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (protocol.startsWith('http') && origin !== new URL(url).origin) foreign.push(request.url());
  });
  await page.goto(url);
  await measure(page);
  await page.evaluate(() => {
    window.states = [];
    window.playingDate = () => {
      const latency = window.sigma?.latency();
      return latency == null ? undefined : Date.now() - latency * 1000;
    };
    setInterval(() => {
      const state = window.sigma?.state;
      if (state !== undefined && window.states.at(-1)?.[0] !== state) window.states.push([state, Math.round(performance.now())]);
    }, 50);
  });
  await page.waitForTimeout(seconds * 1000);
  if (screenshot) await page.screenshot({ path: screenshot });
  return {
    url, seconds, ...(await report(page, { warmupSeconds: warmup })),
    page: await page.evaluate(() => ({ stalls: window.sigma?.stalls, state: window.sigma?.state, latency: window.sigma?.latency(), targetLatency: window.sigma?.targetLatency(), firstPictureMs: window.sigma?.firstPictureMs })),
    states: await page.evaluate(() => window.states), refused, foreign,
  };
}, { viewport: { width, height }, colorScheme: light ? 'light' : 'dark' });
process.exitCode = tell(result, json);
