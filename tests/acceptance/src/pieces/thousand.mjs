// A thousand channels, 20 on air: the list as the dashboard asks it, and the page itself.
import { clip, feed } from '../broadcast.mjs';
import { Platform } from '../platform.mjs';
import { sleep } from '../process.mjs';
import { withPage } from '../../../../services/dashboard/tests/browser.mjs';

export const title = 'A thousand channels, 20 of them on air: the list at the server, and the dashboard in Chromium';
const CHANNELS = 1000;
const ON_AIR = 20;
const REQUESTS = 400;

/** What the list shows of each channel. */
const LIST = `query($after: String, $search: String, $orderBy: ChannelOrder) { channels(first: 50, after: $after, search: $search, orderBy: $orderBy) {
  nodes { id name state latencyMode playbackId watchUrl createdAt currentSession { id state startedAt liveAt input { width height frameRate } } }
  pageInfo { hasNextPage endCursor } } }`;

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];

async function timed(platform, variables) {
  const began = performance.now();
  const data = await platform.graphql(LIST, variables);
  return { ms: performance.now() - began, page: data.channels };
}

export async function run(piece) {
  const file = await clip();
  const platform = await Platform.start();
  const names = [...Array(CHANNELS).keys()].map((index) => `Channel ${String(index).padStart(4, '0')}`);
  const channels = [];
  for (let index = 0; index < CHANNELS; index += 20) channels.push(...await Promise.all(names.slice(index, index + 20).map((name) => platform.channel(name))));
  const feeds = [];
  for (let index = 0; index < ON_AIR; index += 1) { feeds.push(feed(file, channels[index * 50].push)); await sleep(50); }
  for (let index = 0; index < ON_AIR; index += 1) await platform.whenPlayable(channels[index * 50]);
  piece.say('1,000 channels are there, 20 on air');

  for (const [what, variables] of [['newest first', {}], ['by name', { orderBy: 'NAME' }], ['searched', { search: '99' }]]) {
    const times = [];
    const usage = platform.usage();
    for (let index = 0; index < REQUESTS; index += 1) times.push((await timed(platform, variables)).ms);
    const spent = platform.usage();
    times.sort((a, b) => a - b);
    piece.aim(`the list ${what}, 50 rows with their sessions: p95 at most 30 ms`, at(times, 0.95) <= 30,
      `p50 ${at(times, 0.5).toFixed(1)}, p95 ${at(times, 0.95).toFixed(1)} ms as a client sees it; ${((spent.seconds - usage.seconds) * 1000 / REQUESTS).toFixed(1)} ms of processor time a request, the 20 broadcasts included`);
  }
  const all = new Set();
  let after;
  do {
    const { page } = await timed(platform, { after });
    for (const { id } of page.nodes) all.add(id);
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined;
  } while (after !== undefined);
  piece.rule('paging through all finds each once', all.size === CHANNELS, `${all.size}`);

  await withPage(async (page) => {
    await page.addInitScript(() => {
      window.shifts = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value; }).observe({ type: 'layout-shift', buffered: true });
      window.longest = 0;
      new PerformanceObserver((list) => { for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration); }).observe({ type: 'longtask', buffered: true });
    });
    await page.goto(platform.url('/sign-in'));
    await page.getByLabel(/token/i).first().fill(platform.token);
    await page.keyboard.press('Enter');
    const began = Date.now();
    await page.getByText('Channel 0999').first().waitFor({ timeout: 30_000 });
    piece.figure('the list in Chromium', `its first row stands ${Date.now() - began} ms after signing in`);
    // As fast as a wheel is turned in a hurry: 7,000 pixels a second.
    for (let turn = 0; turn < 150; turn += 1) { await page.mouse.wheel(0, 700); await sleep(100); }
    const { shifts, longest, height } = await page.evaluate(() => ({ shifts: window.shifts, longest: window.longest, height: document.documentElement.scrollHeight }));
    piece.aim('no layout jump (cumulative layout shift at most 0.1)', shifts <= 0.1, shifts.toFixed(3));
    piece.figure('scrolled', `${height} px high, longest task ${longest.toFixed(0)} ms`);
  });
  for (const one of feeds) await one.end('SIGKILL');
}
