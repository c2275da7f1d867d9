import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { Redialling, clip } from '../../../../tests/acceptance/src/broadcast.mjs';
// @ts-expect-error plain JavaScript
import { Platform } from '../../../../tests/acceptance/src/platform.mjs';
// @ts-expect-error plain JavaScript
import { endAll } from '../../../../tests/acceptance/src/process.mjs';
// @ts-expect-error plain JavaScript
import { openBrowser } from '../browser.mjs';

/** Other work may have the machine. */
const PATIENCE = 60_000;
/** What a busy machine may take between two looks, in seconds. */
const SLACK_S = 5;

interface Sigma { state: string; latency(): number | null }

interface Channel { watch: string; push: string }
interface RealPlatform {
  channel(name: string, settings: object): Promise<Channel>;
  whenPlayable(channel: Channel): Promise<unknown>;
  kill(): Promise<unknown>;
  launch(): Promise<void>;
}

let platform: RealPlatform;
let browser: BrowserContext;
let page: Page;
let encoder: { crash(): Promise<unknown> };
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

const reaches = (state: string) => page.waitForFunction((wanted) => (window as unknown as { sigma?: Sigma }).sigma?.state === wanted, state, { timeout: PATIENCE, polling: 50 });
const behind = () => page.evaluate(() => (window as unknown as { sigma: Sigma }).sigma.latency() ?? Number.NaN);
/** The date of the picture, in seconds. */
const date = async () => Date.now() / 1000 - (await behind());

async function between(ask: () => Promise<number>, least: number, most: number): Promise<void> {
  await expect.poll(async () => { const value = await ask(); return value >= least && value <= most ? 'there' : value; }, { timeout: PATIENCE }).toBe('there');
}

const told = () => page.locator('.told').textContent();
const length = async () => Number(await page.locator('.rewind').getAttribute('aria-valuemax'));

beforeAll(async () => {
  platform = (await Platform.start()) as RealPlatform;
  const channel = await platform.channel('Harbour', { latencyMode: 'ULTRA_LOW' });
  encoder = new Redialling(await clip(60), channel.push) as typeof encoder;
  await platform.whenPlayable(channel);
  browser = (await openBrowser(profile, { locale: 'en-GB' })) as BrowserContext;
  page = browser.pages()[0] ?? (await browser.newPage());
  await page.goto(channel.watch);
});

afterAll(async () => {
  await encoder?.crash();
  await browser?.close();
  await endAll();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

describe('a viewer who went back', () => {
  it('sees the picture of the date that he chose', async () => {
    await reaches('playing');
    await between(behind, 0, SLACK_S);
    await between(length, 20, 60);
    await page.keyboard.press('j');
    await between(behind, 10, 10 + 2 * SLACK_S);
    await reaches('playing');
  });

  it('keeps the place that he sought while the server was away', async () => {
    // Nothing of what he will seek is at hand.
    await page.reload();
    await reaches('playing');
    await page.locator('.rewind').waitFor();
    // The oldest that the bar has, and five seconds.
    const sought = (await date()) - (await length()) + 5;
    await platform.kill();
    await page.locator('.rewind').focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    await reaches('reconnecting');
    await platform.launch();
    const began = Date.now() / 1000;
    await reaches('playing');
    const seen = await date();
    expect(seen).toBeGreaterThan(sought - SLACK_S);
    expect(seen).toBeLessThan(sought + Date.now() / 1000 - began + SLACK_S);
  });

  it('sees the outage on the bar, and goes over it', async () => {
    await expect.poll(() => page.locator('.rewind-gap').count(), { timeout: PATIENCE }).toBe(1);
    // Until it is over, so that there is something behind it to go on with.
    await page.waitForFunction(() => { const gap = document.querySelector<HTMLElement>('.rewind-gap'); return gap !== null && parseFloat(gap.style.left) + parseFloat(gap.style.width) < 98; }, undefined, { timeout: PATIENCE });
    const { left } = await page.evaluate(() => ({ left: parseFloat(document.querySelector<HTMLElement>('.rewind-gap')!.style.left) / 100 }));
    const { x, y, width, height } = (await page.locator('.rewind').boundingBox())!;
    // Two seconds before it.
    await page.mouse.click(x + width * (left - 2 / (await length())), y + height / 2);
    await expect.poll(told, { timeout: PATIENCE }).toMatch(/^The broadcaster was away for \d+ seconds?\./);
    await reaches('playing');
  });

  it('is at live again when he wants to', async () => {
    await page.keyboard.press('l');
    await between(behind, 0, SLACK_S);
    expect(await date()).toBeLessThan(Date.now() / 1000);
  });
});
