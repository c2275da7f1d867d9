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
import { eventually } from '../../../../tests/acceptance/src/process.mjs';
// @ts-expect-error plain JavaScript
import { openBrowser } from '../browser.mjs';

/** Other work may have the machine. */
const PATIENCE = 60_000;

interface Channel { id: string; watch: string; push: string }
interface Cut { createClip: { asset: { id: string; durationSeconds: number } } }
interface RealPlatform {
  http: string;
  channel(name: string, settings: object): Promise<Channel>;
  whenPlayable(channel: Channel): Promise<unknown>;
  sessions(channel: Channel): Promise<{ id: string }[]>;
  graphql(query: string, variables: object): Promise<Cut>;
}

let platform: RealPlatform;
let browser: BrowserContext;
let page: Page;
let session: string;
let encoder: { crash(): Promise<unknown> };
const profile = mkdtempSync(join(tmpdir(), 'sigma-chromium-'));

const CUT = 'mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id durationSeconds } } }';

/** Cuts, plays it from its beginning to its end, and answers how long the video says that it is. */
async function played(input: object): Promise<{ wanted: number; length: number; ended: boolean }> {
  // A busy machine may not have it within a request's time; what was made of it by then is there for the next one.
  const ask = () => platform.graphql(CUT, { input: { sessionId: session, exact: true, ...input } });
  const { asset } = (await eventually('it is cut', PATIENCE, () => ask().catch(() => undefined)) as Cut).createClip;
  await page.goto(`http://${platform.http}/replay/${asset.id}`);
  await page.waitForFunction(() => (document.querySelector('video')?.readyState ?? 0) >= 2, undefined, { timeout: PATIENCE });
  await page.evaluate(() => { const video = document.querySelector('video')!; video.muted = true; video.currentTime = 0; return video.play(); });
  const ends = page.waitForFunction(() => document.querySelector('video')!.ended, undefined, { timeout: PATIENCE, polling: 50 });
  const ended = await ends.then(() => true, () => false);
  const length = await page.evaluate(() => document.querySelector('video')!.duration);
  return { wanted: asset.durationSeconds, length, ended };
}

beforeAll(async () => {
  platform = (await Platform.start()) as RealPlatform;
  const channel = await platform.channel('Harbour', { latencyMode: 'LOW' });
  encoder = new Redialling(await clip(60), channel.push) as typeof encoder;
  await platform.whenPlayable(channel);
  session = (await platform.sessions(channel))[0]!.id;
  browser = (await openBrowser(profile, { locale: 'en-GB' })) as BrowserContext;
  page = browser.pages()[0] ?? (await browser.newPage());
  // The media worker looks through GStreamer's plugins at its first start, which is no part of a cut.
  const thumbnail = channel.watch.replace('/watch/', '/live/') + '/thumbnail.jpg';
  await eventually('the media worker runs', PATIENCE, () => fetch(thumbnail).then((answer) => answer.ok, () => false));
  // There is enough to cut from.
  const enough = () => platform.graphql(CUT, { input: { sessionId: session, from: 11, to: 12 } }).then(() => true, () => false);
  await eventually('there is enough to cut from', PATIENCE, enough);
});

afterAll(async () => {
  await encoder?.crash();
  await browser?.close();
  await endAll();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

describe('a cut that is exact to the picture plays across its seams', () => {
  it('of one range', async () => {
    const { wanted, length, ended } = await played({ from: 3.5, to: 9.25 });
    expect(ended).toBe(true);
    expect(Math.abs(wanted - 5.75)).toBeLessThan(0.05);
    expect(Math.abs(length - wanted)).toBeLessThan(0.15);
  });

  it('within one group of pictures', async () => {
    const { length, ended } = await played({ from: 2.3, to: 2.8 });
    expect(ended).toBe(true);
    expect(Math.abs(length - 0.5)).toBeLessThan(0.15);
  });

  it('of several ranges, also backwards', async () => {
    const ranges = [{ from: 8.1, to: 10.3 }, { from: 1.2, to: 4.7 }, { from: 1.2, to: 2.2 }];
    const { length, ended } = await played({ ranges });
    expect(ended).toBe(true);
    expect(Math.abs(length - 6.7)).toBeLessThan(0.3);
  });
});
