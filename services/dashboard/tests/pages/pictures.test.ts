import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { messages, type StateName } from '../../src/player/messages';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { seriousFindings } from '../dashboard/axe';
import { shots } from '../dashboard/screenshots';
import { RECORDED_S, ScriptedOrigin } from '../scripted/origin';
import { wantBuild } from '../scripted/pages';

/** Other work may have the machine: long, and never waited for when things are well. */
const PATIENCE = 30_000;

let origin: ScriptedOrigin;
let browser: BrowserContext;
let page: Page;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));
const faults: string[] = [];

const reaches = (state: StateName) => page.waitForFunction((wanted) => (window as unknown as { sigma?: { state: string } }).sigma?.state === wanted, state, { timeout: PATIENCE, polling: 50 });
const picture = () => page.locator('.rewind-picture');

async function pointAt(share: number): Promise<void> {
  await page.locator('.rewind').waitFor();
  const { x, y, width, height } = (await page.locator('.rewind').boundingBox())!;
  await page.mouse.move(x + share * width - 2, y + height / 2);
  await page.mouse.move(x + share * width, y + height / 2);
}

/** Which picture of the sheet is shown, counted from the first; null where none is. */
async function tile(): Promise<number | null> {
  if (!(await picture().isVisible())) return null;
  const [x = 0, y = 0] = await picture().evaluate((element) => element.style.backgroundPosition.split(' ').map((part) => Math.abs(Number.parseInt(part, 10))));
  return x / 160 + 5 * (y / 90);
}

/** Points there until it is so: on a slow machine the controls may have gone meanwhile. */
function pointed<T>(share: number, ask: () => Promise<T>) {
  return expect.poll(async () => { await pointAt(share); return ask(); }, { timeout: PATIENCE });
}

beforeAll(async () => {
  wantBuild('replay.html');
  origin = new ScriptedOrigin(240);
  origin.broadcast.rewind = 240;
  await origin.up();
  browser = (await openBrowser(profile, { locale: 'en-GB', timezoneId: 'UTC' })) as BrowserContext;
  page = browser.pages()[0] ?? (await browser.newPage());
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => { if (/Content Security Policy|violates/i.test(message.text())) faults.push(message.text()); });
}, 120_000);

beforeEach(() => {
  origin.hasPictures = true;
  origin.replays = [];
  origin.looks.length = 0;
  origin.broadcast.begin(50);
});

afterAll(async () => {
  await browser?.close();
  origin?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

const shot = (name: string) => shots(page, name, { check: async () => undefined });

describe('the bar of a recording', () => {
  it('shows the picture of the place under the pointer, fetched when somebody looks', async () => {
    await page.goto(`${origin.origin}/replay/tape`);
    await reaches('playing');
    expect(origin.looks.some((look) => look.includes('storyboard'))).toBe(false);
    await pointed(32 / RECORDED_S, tile).toBe(6);
    await pointed(3 / RECORDED_S, tile).toBe(0);
    expect(origin.looks.filter((look) => look === 'vod storyboard.vtt')).toHaveLength(1);
    await expect.poll(() => origin.looks.includes('vod sheet-0.jpg')).toBe(true);
    await shot('replay-picture');
  });

  it('has marks where chapters begin, and says their names', async () => {
    expect(await page.locator('.rewind-chapter-mark').count()).toBe(1);
    const chapter = () => page.locator('.rewind-chapter').textContent();
    await pointed(3 / RECORDED_S, chapter).toBe('The harbour wakes');
    await pointed(40 / RECORDED_S, chapter).toBe('After a break of 4 min');
    await page.locator('.rewind').focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await expect.poll(() => page.locator('.rewind').getAttribute('aria-valuetext')).toMatch(/, The harbour wakes$/);
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('shows no empty frame while a busy server has no time for pictures, and them when it has', async () => {
    origin.busy = true;
    await page.reload();
    await reaches('playing');
    await pointed(0.5, async () => origin.looks.includes('vod sheet-0.jpg')).toBe(true);
    expect(await tile()).toBeNull();
    origin.busy = false;
    await pointed(0.5, tile).toBe(6);
  });

  it('says the time where there is no picture', async () => {
    origin.hasPictures = false;
    await page.goto(`${origin.origin}/replay/tape`);
    await reaches('playing');
    await pointAt(0.5);
    await expect.poll(() => origin.looks.includes('vod storyboard.vtt'), { timeout: PATIENCE }).toBe(true);
    expect(await page.locator('.rewind-moment').textContent()).toBe('0:30');
    expect(await picture().isVisible()).toBe(false);
  });
});

it('a recording shows its poster before it plays', async () => {
  await page.goto(`${origin.origin}/replay/tape`);
  expect(await page.locator('video').getAttribute('poster')).toBe('/vod/tape/thumbnail.jpg?width=1280');
});

describe('the bar of what is on air', () => {
  it('shows pictures by their date, and new ones as they come', async () => {
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await pointed(0.02, tile).toBe(0);
    await pointed(0.5, tile).toBeGreaterThan(3);
    await shot('watch-picture');
    expect(origin.looks.filter((look) => look === 'live storyboard.vtt')).toHaveLength(1);
    // For the page a minute is over.
    await page.evaluate(() => { const now = performance.now.bind(performance); performance.now = () => now() + 60_000; });
    await pointAt(0.6);
    await expect.poll(() => origin.looks.filter((look) => look === 'live storyboard.vtt').length, { timeout: PATIENCE }).toBe(2);
  });

  it('shows them to a finger that holds it', async () => {
    const devtools = await browser.newCDPSession(page);
    await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: true });
    await page.reload();
    await reaches('playing');
    await page.locator('.rewind').waitFor();
    const { x, y, width, height } = (await page.locator('.rewind').boundingBox())!;
    const point = (share: number) => [{ x: x + share * width, y: y + height / 2 }];
    const isHeld = () => page.locator('.rewind.held').isVisible();
    // Controls that sleep are only woken by the first.
    await expect.poll(async () => {
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: point(0.9) });
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: point(0.05) });
      if (await isHeld()) return true;
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      return false;
    }, { timeout: PATIENCE }).toBe(true);
    await expect.poll(tile, { timeout: PATIENCE }).toBe(0);
    await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    expect(await picture().isVisible()).toBe(false);
    await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: false });
    await devtools.detach();
  });
});

describe('earlier broadcasts', () => {
  const replay = (id: string, startedAt: string, durationSeconds: number) => ({ id, url: `/replay/${id}`, startedAt, durationSeconds, thumbnailUrl: `${origin.origin}/vod/${id}/thumbnail.jpg` });

  it('are offered under what is on air', async () => {
    origin.replays = [replay('tape', '2026-11-20T18:30:00Z', 3_725), replay('gone', '2026-11-19T18:30:00Z', 60), { id: 7 }];
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await expect.poll(() => page.locator('.replay-card').count(), { timeout: PATIENCE }).toBe(2);
    expect(await page.locator('.replay-card').first().getAttribute('href')).toBe('/replay/tape');
    expect(await page.locator('.replay-card').first().textContent()).toBe('1:02:0520 Nov 2026, 18:30');
    await expect.poll(() => page.locator('.replay-card img').count(), { timeout: PATIENCE }).toBe(1);
    expect(await seriousFindings(page)).toEqual([]);
    await shot('watch-replays');
  });

  it('are offered where there is none on air', async () => {
    origin.replays = [replay('tape', '2026-11-20T18:30:00Z', 3_725)];
    origin.broadcast.end();
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('waiting');
    const link = page.getByRole('link', { name: messages.watch.lastReplay });
    await link.waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await shot('watch-off-air');
    await link.click();
    await reaches('playing');
    expect(await page.textContent('h1')).toMatch(/^Recording of /);
  });

  it('are not spoken of where there are none', async () => {
    origin.broadcast.end();
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('waiting');
    expect(await page.locator('.replays').isVisible()).toBe(false);
    expect(await page.locator('.offer a').isVisible()).toBe(false);
  });
});

it('broke no rule of the page', () => {
  expect(faults).toEqual([]);
});
