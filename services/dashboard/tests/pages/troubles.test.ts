import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StateName } from '../../src/player/messages';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { ScriptedOrigin } from '../scripted/origin';
import { wantBuild } from '../scripted/pages';

/** Other work may have the machine: long, and never waited for when things are well. */
const PATIENCE = 30_000;
/** What a busy machine may take between two looks at a picture that moves, in seconds; who is thrown to live or to other media goes further. */
const SLACK_S = 20;
/** Distances grow with each moment that a busy machine keeps the picture waiting, in seconds. */
const FAR_S = 120;

/** Segments that no playback has loaded before its test: ahead of who went back, and far from live. */
const AHEAD = 14;
const NEAR_LIVE = 45;

interface Sigma { state: string; rests: boolean; latency(): number | null }

let origin: ScriptedOrigin;
let browser: BrowserContext;
let page: Page;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

const reaches = (state: StateName) => page.waitForFunction((wanted) => (window as unknown as { sigma?: Sigma }).sigma?.state === wanted, state, { timeout: PATIENCE, polling: 50 });
const behind = () => page.evaluate(() => (window as unknown as { sigma: Sigma }).sigma.latency() ?? Number.NaN);
/** The date of the picture, in seconds. */
const date = () => page.evaluate(() => Date.now() / 1000 - ((window as unknown as { sigma: Sigma }).sigma.latency() ?? Number.NaN));
const time = () => page.evaluate(() => document.querySelector('video')!.currentTime);

async function between(ask: () => Promise<number>, least: number, most: number): Promise<void> {
  await expect.poll(async () => { const value = await ask(); return value >= least && value <= most ? 'there' : value; }, { timeout: PATIENCE }).toBe('there');
}

/** Forty seconds back, where nothing is at hand. */
async function goBack(): Promise<void> {
  await page.locator('.rewind').waitFor();
  await page.locator('.rewind').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await between(behind, 40, FAR_S);
  await reaches('playing');
}

beforeAll(async () => {
  wantBuild('watch.html');
  origin = new ScriptedOrigin(240);
  // Longer than any test is at it: nothing slides away.
  origin.broadcast.rewind = 240;
  await origin.up();
  browser = (await openBrowser(profile)) as BrowserContext;
}, 120_000);

beforeEach(async () => {
  origin.media = () => null;
  origin.forgets = false;
  origin.asked.length = 0;
  origin.broadcast.begin(50);
  await page?.close();
  page = await browser.newPage();
});

afterAll(async () => {
  await browser?.close();
  origin?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

describe('a viewer who went back', () => {
  beforeEach(async () => {
    // What lies ahead of him is not at hand.
    origin.media = (segment) => (segment < AHEAD || segment > NEAR_LIVE ? null : 503);
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await goBack();
  });

  it('is told when the server has no media for him, asks for it now and then, and goes on where he was', async () => {
    origin.media = () => 503;
    await reaches('reconnecting');
    const [stands, asked] = [await time(), origin.asked.length];
    await expect.poll(() => origin.asked.length, { timeout: PATIENCE }).toBeGreaterThan(asked + 4);
    const first = origin.asked[asked - 1] ?? Number.NaN;
    // It is that one that he needs, and no other.
    expect(new Set(origin.asked.slice(asked))).toEqual(new Set([first]));
    origin.media = () => null;
    await reaches('playing');
    await between(time, stands, stands + SLACK_S);
  });

  it('is not thrown on by a server that does not know its media when it comes back', async () => {
    const refused: number[] = [];
    // Away once, then twice as if there were no such segment.
    origin.media = (segment) => {
      if (segment < AHEAD || segment > NEAR_LIVE || refused.length >= 3) return null;
      refused.push(segment);
      origin.forgets = refused.length < 3;
      return refused.length === 1 ? 500 : 404;
    };
    await expect.poll(() => origin.asked.includes(AHEAD + 3), { timeout: PATIENCE }).toBe(true);
    expect(refused.length).toBe(3);
    expect(new Set(refused).size).toBe(1);
    await reaches('playing');
    await between(behind, 30, FAR_S);
  });

  it('keeps his place though the first segment of a playback built anew does not come at once', async () => {
    await page.keyboard.press('k');
    await reaches('paused');
    const stood = await date();
    // For the page an hour is over: it has stopped loading.
    await page.evaluate(() => { const now = performance.now.bind(performance); performance.now = () => now() + 3_600_000; });
    await page.waitForFunction(() => (window as unknown as { sigma: Sigma }).sigma.rests, undefined, { timeout: PATIENCE });
    let left = 1;
    origin.media = () => (left-- > 0 ? 503 : null);
    await page.keyboard.press('k');
    await reaches('playing');
    await between(date, stood - 0.5, stood + SLACK_S);
  });
});

it('a viewer of a recording keeps his place through a decoder that hangs', async () => {
  await page.goto(`${origin.origin}/replay/tape`);
  await reaches('playing');
  await page.evaluate(() => { document.querySelector('video')!.currentTime = 40; });
  await page.waitForFunction(() => document.querySelector('video')!.currentTime > 40.1, undefined, { timeout: PATIENCE });
  // As hls.js sees it, the picture stands although its media is at hand: it nudges, and gives up.
  await page.evaluate(() => {
    const video = document.querySelector('video')!;
    video.addEventListener('emptied', () => { Reflect.deleteProperty(video, 'currentTime'); video.dataset['emptied'] = 'true'; });
    Object.defineProperty(video, 'currentTime', { configurable: true, get: () => 40, set: () => undefined });
  });
  await page.waitForFunction(() => document.querySelector('video')!.dataset['emptied'] === 'true', undefined, { timeout: PATIENCE });
  await page.waitForFunction(() => document.querySelector('video')!.readyState > 2, undefined, { timeout: PATIENCE });
  await between(time, 40, 61);
});

describe('a browser that plays HLS itself', () => {
  it('does not play for a viewer who had paused when the server is back', async () => {
    await page.addInitScript(() => { for (const name of ['MediaSource', 'WebKitMediaSource', 'ManagedMediaSource']) Object.defineProperty(window, name, { value: undefined }); });
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('playing');
    await page.keyboard.press('k');
    await reaches('paused');
    const from = await page.evaluate(() => { const video = document.querySelector('video')!; (window as unknown as { plays: number }).plays = 0; video.addEventListener('play', () => { (window as unknown as { plays: number }).plays += 1; }); video.addEventListener('loadeddata', () => { video.dataset['again'] = 'true'; }); video.dispatchEvent(new Event('error')); return video.currentTime; });
    await page.waitForFunction(() => document.querySelector('video')!.dataset['again'] === 'true', undefined, { timeout: PATIENCE });
    expect(from).toBeGreaterThan(0);
    expect(await page.evaluate(() => [(window as unknown as { plays: number }).plays, document.querySelector('video')!.paused])).toEqual([0, true]);
  });
});
