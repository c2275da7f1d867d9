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
import { PLAYERS, servePage } from '../player-pages.mjs';

/** Other work may have the machine. */
const PATIENCE = 60_000;
const SECONDS = 24;

interface Channel { id: string; watch: string; push: string }
interface RealPlatform {
  http: string;
  channel(name: string, settings: object): Promise<Channel>;
  whenPlayable(channel: Channel): Promise<unknown>;
  sessions(channel: Channel): Promise<{ id: string }[]>;
  graphql(query: string, variables: object): Promise<{ createClip: { asset: { id: string } } }>;
}

const CUT = 'mutation($input: CreateClipInput!) { createClip(input: $input) { asset { id } } }';

let recording: string;

beforeAll(async () => {
  const platform = (await Platform.start()) as RealPlatform;
  const channel = await platform.channel('Harbour', { latencyMode: 'LOW' });
  const encoder = new Redialling(await clip(60), channel.push) as { crash(): Promise<unknown> };
  await platform.whenPlayable(channel);
  const sessionId = (await platform.sessions(channel))[0]!.id;
  const cut = () => platform.graphql(CUT, { input: { sessionId, from: 0, to: SECONDS } }).catch(() => undefined);
  const made = (await eventually('there is enough to wind through', PATIENCE, cut)) as Awaited<ReturnType<RealPlatform['graphql']>>;
  await encoder.crash();
  recording = `http://${platform.http}/vod/${made.createClip.asset.id}/index.m3u8`;
});

afterAll(() => endAll());

describe('shaka-player, as its makers ship it', () => {
  it('winds through the I-frames of a recording, and plays on', async () => {
    const { script, begin } = PLAYERS.shaka as { script: string; begin: string };
    const served = (await servePage(`<!doctype html><meta charset="utf-8"><title>Winding</title>
<video id="video" muted autoplay playsinline width="640" height="360"></video>
<script src="/${script}"></script>
<script>
  window.problems = [];
  const problem = (text) => { window.problems.push(text); };
  const url = ${JSON.stringify(recording)};
  const video = document.getElementById('video');
  ${begin}
  window.player = player;
</script>`)) as { url: string; close(): void };
    const seen = await withPage(async (tab: import('playwright-core').Page) => {
      const asked: { path: string; range: string | undefined }[] = [];
      tab.on('request', (request) => asked.push({ path: new URL(request.url()).pathname, range: request.headers()['range'] }));
      await tab.goto(served.url);
      const until = (test: string) => tab.waitForFunction(test, undefined, { timeout: PATIENCE, polling: 50 });
      await until('document.querySelector("video").currentTime > 0.5');
      const before = await tab.evaluate('video.getVideoPlaybackQuality().totalVideoFrames') as number;
      await tab.evaluate('player.trickPlay(4)');
      await until('document.querySelector("video").currentTime > 14');
      const wound = await tab.evaluate('video.getVideoPlaybackQuality().totalVideoFrames') as number;
      await tab.evaluate('player.cancelTrickPlay()');
      await until('document.querySelector("video").ended');
      return { asked, wound: wound - before, problems: await tab.evaluate('window.problems') };
    }) as { asked: { path: string; range: string | undefined }[]; wound: number; problems: string[] };
    served.close();
    expect(seen.problems).toEqual([]);
    expect(seen.asked.some(({ path }) => path.endsWith('/iframes.m3u8'))).toBe(true);
    const pictures = seen.asked.filter(({ path, range }) => path.endsWith('.m4s') && range !== undefined);
    expect(pictures.length, JSON.stringify(seen.asked)).toBeGreaterThan(3);
    expect(seen.wound, 'pictures that were shown meanwhile').toBeGreaterThan(3);
  });
});
