import { afterAll, beforeAll, describe, expect, it } from 'vitest';
// @ts-expect-error plain JavaScript, so that node runs it without a build
import { Redialling, clip } from '../../../../tests/acceptance/src/broadcast.mjs';
// @ts-expect-error plain JavaScript
import { Platform } from '../../../../tests/acceptance/src/platform.mjs';
// @ts-expect-error plain JavaScript
import { endAll, eventually } from '../../../../tests/acceptance/src/process.mjs';
// @ts-expect-error plain JavaScript
import { withPage } from '../browser.mjs';
// @ts-expect-error plain JavaScript
import { servePage } from '../player-pages.mjs';

/** Other work may have the machine. */
const PATIENCE = 60_000;
const SECONDS = 24;

interface Played { sigma?: { state: string } }

interface Channel { id: string; watch: string; push: string }
interface RealPlatform {
  http: string;
  channel(name: string, settings: object): Promise<Channel>;
  whenPlayable(channel: Channel): Promise<unknown>;
  sessions(channel: Channel): Promise<{ id: string }[]>;
  graphql(query: string, variables: object): Promise<{ createClip: { asset: { id: string } } }>;
}

const CUT = 'mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id } } }';

let watch: string;
let recording: string;
let replay: string;

beforeAll(async () => {
  const platform = (await Platform.start()) as RealPlatform;
  const channel = await platform.channel('Harbour', { latencyMode: 'LOW' });
  new Redialling(await clip(60), channel.push);
  await platform.whenPlayable(channel);
  const sessionId = (await platform.sessions(channel))[0]!.id;
  const cut = () => platform.graphql(CUT, { input: { sessionId, from: 0, to: SECONDS } }).catch(() => undefined);
  const made = (await eventually('there is enough to wind through', PATIENCE, cut)) as Awaited<ReturnType<RealPlatform['graphql']>>;
  watch = channel.watch;
  recording = `http://${platform.http}/vod/${made.createClip.asset.id}/index.m3u8`;
  replay = `http://${platform.http}/replay/${made.createClip.asset.id}`;
});

afterAll(() => endAll());

/** Text of a page: appends what the I-frame playlist lists to a video that plays eight times as fast as usual. */
const winding = (url: string) => `<!doctype html><meta charset="utf-8"><title>Winding</title>
<video id="video" muted playsinline width="640" height="360"></video>
<script type="module">
  window.seen = { pictures: 0, shown: 0, problem: null };
  const text = async (from) => (await fetch(from)).text();
  try {
    const multivariant = await text('${url}');
    const [, codecs, uri] = /#EXT-X-I-FRAME-STREAM-INF:.*CODECS="([^"]+)".*URI="([^"]+)"/.exec(multivariant);
    const playlist = new URL(uri, '${url}');
    const lines = (await text(playlist)).split('\\n');
    const names = lines.flatMap((line) => (line.startsWith('#EXT-X-MAP:URI="') ? [line.slice(16, -1)] : line === '' || line.startsWith('#') ? [] : [line]));
    const source = new MediaSource();
    video.src = URL.createObjectURL(source);
    await new Promise((resolve) => source.addEventListener('sourceopen', resolve, { once: true }));
    const buffer = source.addSourceBuffer('video/mp4; codecs="' + codecs + '"');
    for (const name of names) {
      buffer.appendBuffer(await (await fetch(new URL(name, playlist))).arrayBuffer());
      await new Promise((resolve, reject) => { buffer.onupdateend = resolve; buffer.onerror = () => reject(new Error(name)); });
    }
    source.endOfStream();
    window.seen.pictures = names.length - 1;
    const count = () => { window.seen.shown += 1; video.requestVideoFrameCallback(count); };
    video.requestVideoFrameCallback(count);
    video.playbackRate = 8;
    await video.play();
  } catch (error) {
    window.seen.problem = String(error);
  }
</script>`;

describe('Chromium', () => {
  it('winds through the key frames of a recording at eight times its speed', async () => {
    const served = (await servePage(winding(recording))) as { url: string; close(): void };
    const seen = await withPage(async (tab: import('playwright-core').Page) => {
      await tab.goto(served.url);
      await tab.waitForFunction('window.seen !== undefined && (window.seen.problem !== null || document.querySelector("video").ended)', undefined, { timeout: PATIENCE, polling: 50 });
      return tab.evaluate('({ ...window.seen, duration: video.duration, ranges: video.buffered.length })');
    }) as { pictures: number; shown: number; problem: string | null; duration: number; ranges: number };
    served.close();
    expect(seen.problem).toBeNull();
    expect(seen.pictures).toBeGreaterThanOrEqual(SECONDS / 4);
    // Each stands until the next: there is no hole to wait at.
    expect(seen.ranges).toBe(1);
    expect(Math.abs(seen.duration - SECONDS)).toBeLessThan(5);
    // A busy machine leaves some out.
    expect(seen.shown).toBeGreaterThan(seen.pictures / 2);
  });
});

/** Opens a page of ours: the pictures of winding that it asks for, and what waits until something holds there. */
async function opened(tab: import('playwright-core').Page, url: string) {
  const pictures: string[] = [];
  tab.on('request', (request) => { if (/\/k\d+\.m4s$/.test(request.url())) pictures.push(request.url()); });
  await tab.goto(url);
  // The page's own policy lets no text be run as a script.
  const until = (test: () => boolean) => tab.waitForFunction(test, undefined, { timeout: PATIENCE, polling: 50 });
  return { pictures, until };
}

describe('the page of a broadcast', () => {
  it('winds from what was rewound to until it is live again', async () => {
    await withPage(async (tab: import('playwright-core').Page) => {
      const { pictures, until } = await opened(tab, watch);
      const isLive = () => (window as unknown as Played).sigma?.state === 'playing' && document.querySelector('.live.at') !== null;
      await until(isLive);
      const speed = tab.locator('.speed');
      expect(await speed.isVisible()).toBe(false);
      await tab.keyboard.press('j');
      await tab.keyboard.press('j');
      await until(() => (window as unknown as Played).sigma?.state === 'playing' && document.querySelector('.live.at') === null);
      await speed.locator('select').selectOption('4');
      await until(() => document.querySelector<HTMLVideoElement>('.winding')?.hidden === false);
      expect(await tab.locator('.control.play').getAttribute('aria-label')).toMatch(/pause/i);
      await until(() => document.querySelector('.winding') === null);
      expect(pictures.length).toBeGreaterThan(2);
      await until(isLive);
      expect(await speed.isVisible()).toBe(false);
    });
  });
});

describe('the page of a recording', () => {
  it('winds with pictures and plays on where it has come to', async () => {
    await withPage(async (tab: import('playwright-core').Page) => {
      const { pictures, until } = await opened(tab, replay);
      const place = async () => Number(await tab.locator('.rewind').getAttribute('aria-valuenow'));
      await until(() => (window as unknown as Played).sigma?.state === 'playing');
      await tab.locator('.speed select').selectOption('8');
      await until(() => document.querySelector<HTMLVideoElement>('.winding')?.hidden === false);
      await expect.poll(place, { timeout: PATIENCE }).toBeGreaterThan(4);
      expect(pictures.length).toBeGreaterThan(2);
      expect(await tab.evaluate(() => document.querySelector<HTMLVideoElement>('.winding')!.getVideoPlaybackQuality().totalVideoFrames)).toBeGreaterThan(2);
      const reached = await place();
      await tab.locator('.control.play').click();
      await until(() => (window as unknown as Played).sigma?.state === 'playing' && document.querySelector('.winding') === null);
      await expect.poll(place, { timeout: PATIENCE }).toBeGreaterThanOrEqual(reached - 1);
      expect(await tab.locator('.speed select').inputValue()).toBe('1');
      // To its end, and no further.
      await tab.locator('.speed select').selectOption('16');
      await until(() => document.querySelector('video')!.ended);
    });
  });
});
