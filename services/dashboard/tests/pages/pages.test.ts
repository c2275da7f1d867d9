import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messages, type StateName } from '../../src/player/messages';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { openBrowser } from '../browser.mjs';
import { ScriptedOrigin } from '../scripted/origin';
import { wantBuild } from '../scripted/pages';

/** Other work may have the machine: long, and never waited for when things are well. */
const PATIENCE = 30_000;

let origin: ScriptedOrigin;
let browser: BrowserContext;
let page: Page;
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));
const faults: string[] = [];

async function reaches(state: StateName, within = PATIENCE): Promise<void> {
  await page.waitForFunction((wanted) => (window as unknown as { sigma?: { state: string } }).sigma?.state === wanted, state, { timeout: within, polling: 50 });
  const { title } = messages.states[state];
  if (title !== '') await expect.poll(() => page.textContent('.notice-title')).toBe(title);
}

const state = () => page.evaluate(() => (window as unknown as { sigma: { state: string } }).sigma.state);
const stage = () => page.locator('.stage').boundingBox();

beforeAll(async () => {
  wantBuild('watch.html');
  // A test's broadcast must not end while a busy machine is at it.
  origin = new ScriptedOrigin(240);
  await origin.up();
  browser = (await openBrowser(profile)) as BrowserContext;
  page = browser.pages()[0] ?? (await browser.newPage());
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => { if (/Content Security Policy|violates/i.test(message.text())) faults.push(message.text()); });
  page.on('request', (request) => { if (/^https?:/.test(request.url()) && !request.url().startsWith(origin.origin)) faults.push(`another host: ${request.url()}`); });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  origin?.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

describe('the watch page', () => {
  it('says that there is no such channel', async () => {
    await page.goto(`${origin.origin}/watch/nothing`);
    await reaches('unknown');
  });

  it('waits for the broadcast and starts by itself, nothing on the page moving', async () => {
    await page.goto(`${origin.origin}/watch/demo`);
    await reaches('waiting');
    const before = await stage();
    origin.broadcast.begin();
    await reaches('playing');
    await expect.poll(() => page.textContent('h1'), { timeout: PATIENCE }).toBe('Harbour camera');
    expect(await stage()).toEqual(before);
    await expect.poll(() => page.locator('.bar .behind').textContent(), { timeout: PATIENCE }).toMatch(/^\d+(\.\d)?\u00a0s behind$/);
    expect(await page.locator('.pill.sound').isVisible()).toBe(true);
    expect(await page.locator('.quality').isVisible()).toBe(false);
  });

  it('obeys the keyboard', async () => {
    await page.keyboard.press('k');
    await reaches('paused');
    expect(await page.locator('.control.play').getAttribute('aria-label')).toBe(messages.controls.play);
    await page.keyboard.press(' ');
    await reaches('playing');
    await page.keyboard.press('m');
    await expect.poll(() => page.evaluate(() => document.querySelector('video')!.muted)).toBe(false);
    await expect.poll(() => page.locator('.pill.sound').isVisible()).toBe(false);
    await page.keyboard.press('m');
    await page.keyboard.press('?');
    await expect.poll(() => page.locator('.help-dialog').isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    await page.keyboard.press('l');
    expect(await state()).toBe('playing');
  });

  it('tells of a lost broadcaster and goes on when he returns', async () => {
    origin.broadcast.lose();
    await reaches('broken');
    origin.broadcast.recover();
    await reaches('playing');
  });

  it('tells of a silent server and goes on when it answers', async () => {
    origin.down();
    await reaches('reconnecting');
    await origin.up();
    await reaches('playing');
  });

  it('says when the broadcast has ended, and begins the next', async () => {
    origin.broadcast.end();
    await reaches('ended');
    origin.broadcast.begin();
    await reaches('playing');
  });

  it('gives every control a name', async () => {
    const nameless = await page.locator('button, input, select').evaluateAll((all) =>
      all.filter((one) => !one.getAttribute('aria-label') && !one.textContent?.trim()).map((one) => one.className));
    expect(nameless).toEqual([]);
  });
});

describe('the other pages', () => {
  it('play in a frame-sized page', async () => {
    await page.goto(`${origin.origin}/embed/demo`);
    await reaches('playing');
  });

  it('fit a small phone', async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    for (const path of ['/watch/demo', '/embed/demo']) {
      await page.goto(origin.origin + path);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    }
  });

  it('broke no rule of theirs: no script error, nothing refused by policy, no other host', () => {
    expect(faults).toEqual([]);
  });
});
