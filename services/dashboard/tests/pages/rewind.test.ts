import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messages, type StateName } from '../../src/player/messages';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { seriousFindings } from '../dashboard/axe';
import { RECORDED_S, ScriptedOrigin } from '../scripted/origin';
import { wantBuild } from '../scripted/pages';

/** Other work may have the machine: long, and never waited for when things are well. */
const PATIENCE = 30_000;
/** Longer than a busy machine takes to come to a test that goes back to the beginning. */
const REWIND_S = 200;
/** A test's broadcast must not end while a busy machine is at it. */
const SENT_S = 240;
/** What a busy machine may take between two looks at a picture that moves, in seconds. */
const SLACK_S = 4;
/** Distances grow with each moment that a busy machine keeps the picture waiting, in seconds. */
const FAR_S = 120;

interface Sigma { state: string; rests: boolean; latency(): number | null }

let origin: ScriptedOrigin;
let browser: BrowserContext;
let page: Page;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));
const faults: string[] = [];

async function reaches(state: StateName): Promise<void> {
  await page.waitForFunction((wanted) => (window as unknown as { sigma?: Sigma }).sigma?.state === wanted, state, { timeout: PATIENCE, polling: 50 });
}

/** How far the picture is behind, by its own date. */
const behind = () => page.evaluate(() => (window as unknown as { sigma: Sigma }).sigma.latency() ?? Number.NaN);
/** The date of the picture, in seconds. */
const date = () => page.evaluate(() => Date.now() / 1000 - ((window as unknown as { sigma: Sigma }).sigma.latency() ?? Number.NaN));
const time = () => page.evaluate(() => document.querySelector('video')!.currentTime);
const bar = () => page.locator('.rewind');
const told = () => page.locator('.told');
const label = () => page.locator('.bar .behind').textContent();
/** For the page an hour is over: it has stopped loading. */
async function later(): Promise<void> {
  await page.evaluate(() => { const now = performance.now.bind(performance); performance.now = () => now() + 3_600_000; });
  await page.waitForFunction(() => (window as unknown as { sigma: Sigma }).sigma.rests, undefined, { timeout: PATIENCE });
}

async function between(ask: () => Promise<number>, least: number, most: number): Promise<void> {
  await expect.poll(async () => { const value = await ask(); return value >= least && value <= most ? 'there' : value; }, { timeout: PATIENCE }).toBe('there');
}

interface Begun { readonly date: number; readonly time: number }

/** Where the picture begins to move after something is done: noted by the page itself, for it has moved on when the test comes to ask. */
async function begins(act: () => Promise<unknown>): Promise<Begun> {
  const moves = () => {
    const { state, latency } = (window as unknown as { sigma: Sigma }).sigma;
    return state === 'playing' && { date: Date.now() / 1000 - (latency() ?? Number.NaN), time: document.querySelector('video')!.currentTime };
  };
  const [noted] = await Promise.all([page.waitForFunction(moves, undefined, { timeout: PATIENCE, polling: 50 }), act()]);
  return await noted.jsonValue() as Begun;
}

function isBetween(value: number, least: number, most: number): void {
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
}

async function pointAt(share: number): Promise<void> {
  const { x, y, width, height } = (await bar().boundingBox())!;
  await page.mouse.move(x + share * width - 2, y + height / 2);
  await page.mouse.move(x + share * width, y + height / 2);
}

beforeAll(async () => {
  wantBuild('replay.html');
  origin = new ScriptedOrigin(SENT_S);
  await origin.up();
  browser = (await openBrowser(profile)) as BrowserContext;
  page = browser.pages()[0] ?? (await browser.newPage());
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => { if (/Content Security Policy|violates/i.test(message.text())) faults.push(message.text()); });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  origin?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

describe('a viewer of a channel that can be rewound', () => {
  beforeAll(async () => {
    origin.broadcast.rewind = REWIND_S;
    origin.broadcast.begin(50);
    origin.broadcast.wasAway(20, 28);
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
  });

  it('begins at live, with the bar at its end', async () => {
    await between(behind, 0, 8);
    await bar().waitFor();
    expect(await bar().getAttribute('aria-valuetext')).toMatch(/^Live, /);
    expect(await bar().getAttribute('aria-label')).toBe(messages.controls.rewind);
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('watches live from the newest media alone, and is given all of the past when he goes there', async () => {
    const playlists = () => origin.playlists.splice(0);
    await page.reload();
    await reaches('playing');
    await bar().waitFor();
    playlists();
    await expect.poll(() => origin.playlists.length, { timeout: PATIENCE }).toBeGreaterThan(1);
    expect(new Set(playlists())).toEqual(new Set(['index.m3u8']));
    const before = await behind();
    for (let press = 0; press < 2; press += 1) await page.keyboard.press('j');
    // The last picture stands until the other one is there.
    await page.locator('.still').waitFor();
    await between(behind, before + 19, before + FAR_S);
    await expect.poll(() => page.locator('.still').isVisible(), { timeout: PATIENCE }).toBe(false);
    playlists();
    await expect.poll(() => origin.playlists.length, { timeout: PATIENCE }).toBeGreaterThan(1);
    expect(new Set(playlists())).toEqual(new Set(['dvr.m3u8']));
    await page.keyboard.press('l');
    await between(behind, 0, 8);
  });

  it('who pauses at live stays where he paused, when the newest media have gone on', async () => {
    await page.reload();
    await reaches('playing');
    await bar().waitFor();
    await page.keyboard.press('k');
    await reaches('paused');
    const before = await date();
    origin.playlists.splice(0);
    await expect.poll(() => origin.playlists.includes('dvr.m3u8'), { timeout: PATIENCE }).toBe(true);
    await page.waitForFunction(() => document.querySelector('video')!.readyState > 1, undefined, { timeout: PATIENCE });
    await reaches('paused');
    const begun = await begins(() => page.keyboard.press('k'));
    isBetween(begun.date, before - 0.5, before + SLACK_S);
    await page.keyboard.press('l');
    await between(behind, 0, 8);
  });

  it('goes back ten seconds and to live again', async () => {
    const before = await behind();
    // Controls that sleep take no click.
    await page.locator('video').hover();
    await page.locator('.control.back').click();
    await between(behind, before + 9, before + 10 + SLACK_S);
    await expect.poll(() => page.locator('.bar .live').textContent(), { timeout: PATIENCE }).toBe(messages.controls.goLive);
    await page.keyboard.press('j');
    await between(behind, before + 19, before + 20 + 2 * SLACK_S);
    await page.keyboard.press('l');
    await between(behind, 0, 8);
    await expect.poll(() => page.locator('.bar .live').textContent(), { timeout: PATIENCE }).toBe(messages.controls.live);
  });

  it('is shown the moment under the pointer, and goes there', async () => {
    await pointAt(0.1);
    await expect.poll(() => page.locator('.rewind-tip').isVisible()).toBe(true);
    expect(await page.locator('.rewind-tip').textContent()).toMatch(/^−\d:\d\d · \d/);
    await pointAt(0.1);
    await page.mouse.down();
    await pointAt(0.25);
    expect(await page.locator('.rewind-tip').isVisible()).toBe(true);
    await page.mouse.up();
    await between(behind, 30, REWIND_S);
    expect(await page.locator('.rewind-tip').isVisible()).toBe(false);
    await reaches('playing');
  });

  it('sees where the broadcaster was away, and does not wait there', async () => {
    await expect.poll(() => page.locator('.rewind-gap').count(), { timeout: PATIENCE }).toBe(1);
    // Two seconds before it.
    await page.evaluate(() => { document.querySelector('video')!.currentTime = 18; });
    await expect.poll(() => told().textContent(), { timeout: PATIENCE }).toBe(messages.told.skipped(8));
    // Live is further on.
    await between(time, 28, 48);
    await reaches('playing');
    await page.mouse.move(10, 10);
  });

  it('keeps his place while the server is away', async () => {
    await page.reload();
    await reaches('playing');
    await bar().waitFor();
    const before = await date();
    origin.down();
    for (let press = 0; press < 3; press += 1) await page.keyboard.press('j');
    await reaches('reconnecting');
    const begun = await begins(() => origin.up());
    isBetween(begun.date, before - 30, before - 10);
  });

  it('comes back to the date at which he paused, however long ago', async () => {
    await page.keyboard.press('k');
    await reaches('paused');
    const before = await date();
    await later();
    const begun = await begins(() => page.keyboard.press('k'));
    isBetween(begun.date, before - 0.5, before + SLACK_S);
  });

  it('is told when his place is no longer kept, and sees the oldest that is', async () => {
    await page.keyboard.press('k');
    await reaches('paused');
    origin.broadcast.rewind = 12;
    await later();
    await page.keyboard.press('k');
    await expect.poll(() => told().textContent(), { timeout: PATIENCE }).toBe(messages.told.tooOld);
    await between(behind, 4, 18);
    await reaches('playing');
  });

  it('is taken along, and told, when the window leaves him behind', async () => {
    origin.broadcast.rewind = REWIND_S;
    origin.broadcast.begin(50);
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await bar().waitFor();
    for (let press = 0; press < 3; press += 1) await page.keyboard.press('j');
    await between(behind, 29, FAR_S);
    await reaches('playing');
    origin.broadcast.rewind = 12;
    await expect.poll(() => told().textContent(), { timeout: PATIENCE }).toBe(messages.told.tooOld);
    await between(behind, 4, 18);
  });

  it('uses the slider by keyboard', async () => {
    origin.broadcast.rewind = REWIND_S;
    origin.broadcast.begin(40);
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await bar().waitFor();
    await bar().focus();
    await page.keyboard.press('Home');
    await between(behind, 38, FAR_S);
    expect(Number(await bar().getAttribute('aria-valuenow'))).toBeLessThanOrEqual(2);
    expect(await bar().getAttribute('aria-valuetext')).toMatch(/ behind live, \d/);
    await page.keyboard.press('ArrowRight');
    await expect.poll(async () => Number(await bar().getAttribute('aria-valuenow')), { timeout: PATIENCE }).toBeGreaterThanOrEqual(5);
    await page.keyboard.press('End');
    await between(behind, 0, 8);
  });

  it('brings the controls by a touch, and goes nowhere until they are seen', async () => {
    const devtools = await browser.newCDPSession(page);
    await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: true });
    const { x, y, width, height } = (await bar().boundingBox())!;
    const touch = async (from: number, to: number) => {
      const point = (share: number) => [{ x: x + share * width, y: y + height / 2 }];
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: point(from) });
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: point(to) });
      const held = await page.locator('.rewind.held').isVisible();
      await devtools.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      return held;
    };
    const isAwake = () => page.evaluate(() => document.querySelector('.player')!.classList.contains('awake'));
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await expect.poll(isAwake, { timeout: PATIENCE }).toBe(false);
    expect(await touch(0.1, 0.1)).toBe(false);
    await expect.poll(isAwake, { timeout: PATIENCE }).toBe(true);
    expect(await behind()).toBeLessThan(12);
    await expect.poll(() => touch(0.9, 0.3), { timeout: PATIENCE }).toBe(true);
    await between(behind, 20, FAR_S);
    expect(await page.locator('.rewind-tip').isVisible()).toBe(false);
    await devtools.send('Emulation.setTouchEmulationEnabled', { enabled: false });
    await devtools.detach();
  });

  it('has no bar where there is nothing to go back to', async () => {
    origin.broadcast.rewind = 0;
    origin.broadcast.begin(30);
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await between(behind, 0, 8);
    expect(await bar().isVisible()).toBe(false);
    expect(await page.locator('.control.back').isVisible()).toBe(false);
  });
});

describe('a recording', () => {
  it('says that there is none', async () => {
    await page.goto(`${origin.origin}/replay/nothing`);
    await reaches('unknown');
    expect(await page.textContent('.notice-title')).toBe(messages.recordingStates.unknown.title);
  });

  it('plays from its beginning and says what it is', async () => {
    await page.goto(`${origin.origin}/replay/tape`);
    await reaches('playing');
    await between(time, 0.1, RECORDED_S / 2);
    expect(await page.textContent('h1')).toMatch(/^Recording of .*2026/);
    expect(await label()).toMatch(/^0:\d\d \/ 1:00$/);
    expect(await page.locator('.bar .live').count()).toBe(0);
    expect(await seriousFindings(page)).toEqual([]);
  });

  it('is stepped through frame by frame', async () => {
    await page.keyboard.press('.');
    await reaches('paused');
    await page.waitForFunction(() => !document.querySelector('video')!.seeking, undefined, { timeout: PATIENCE });
    const before = await time();
    for (const key of ['.', '.', '.', ',']) {
      await page.keyboard.press(key);
      await expect.poll(() => page.evaluate(() => document.querySelector('video')!.seeking), { timeout: PATIENCE }).toBe(false);
    }
    // Two frames of a fifteenth, as far as the first press could know where in its frame it was.
    expect((await time()) - before).toBeGreaterThan(1.5 / 15);
    expect((await time()) - before).toBeLessThan(3.5 / 15);
  });

  it('plays faster and slower', async () => {
    await page.locator('.speed select').selectOption('2');
    expect(await page.evaluate(() => document.querySelector('video')!.playbackRate)).toBe(2);
    await page.keyboard.press('k');
    await reaches('playing');
    const from = await time();
    await page.waitForFunction((wanted) => document.querySelector('video')!.currentTime > wanted, from + 3, { timeout: PATIENCE });
    await page.locator('.speed select').selectOption('1');
  });

  it('goes on where it was left', async () => {
    await bar().focus();
    await page.keyboard.press('Home');
    await pointAt(16 / RECORDED_S - 0.02);
    await page.mouse.down();
    await page.mouse.up();
    await between(time, 15, 16 + SLACK_S);
    await page.keyboard.press('k');
    await reaches('paused');
    const left = await time();
    // Near its end it is taken for seen: the test's tape is short.
    await page.evaluate((seconds) => { localStorage.setItem('sigma.places', JSON.stringify([['/vod/tape/index.m3u8', seconds]])); }, Math.floor(left));
    await page.reload();
    await reaches('playing');
    await between(time, Math.floor(left), left + SLACK_S);
    expect(await told().textContent()).toBe(messages.told.resumed(Math.floor(left)));
  });

  it('ends, and begins again', async () => {
    await bar().focus();
    await page.keyboard.press('End');
    await reaches('ended');
    expect(await page.textContent('.notice-title')).toBe(messages.recordingStates.ended.title);
    const begun = await begins(() => page.keyboard.press('k'));
    isBetween(begun.time, 0, RECORDED_S / 2);
  });

  it('keeps its place while the server is away', async () => {
    // What lies there is not at hand.
    origin.media = (segment) => (segment < 45 ? null : 503);
    await page.reload();
    await reaches('playing');
    origin.down();
    origin.media = () => null;
    await page.evaluate(() => { document.querySelector('video')!.currentTime = 52; });
    await reaches('reconnecting');
    const begun = await begins(() => origin.up());
    isBetween(begun.time, 52, 52 + SLACK_S);
  });

  it('fits a small phone', async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await page.goto(`${origin.origin}/replay/tape`);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });

  it('broke no rule of the page', () => {
    expect(faults).toEqual([]);
  });
});
