#!/usr/bin/env node
// Plays a stream with a player as its makers ship it, in a bare page, and measures.
//   node players.mjs http://127.0.0.1:8080/live/ID/index.m3u8 --player hls|shaka|shaka-sequence|video [--seconds 60] [--warmup 5] [--json]
// Exit code 0: there was a picture; 1: there was none; 2: wrongly called.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { commandLine, fail, measure, report, tell, withPage } from './browser.mjs';

const USAGE = 'usage: players.mjs URL [--player hls|shaka|shaka-sequence|video] [--seconds N] [--warmup N] [--screenshot FILE] [--json]';
const MODULES = new URL('../node_modules/', import.meta.url);

/** For each player: its script, and how a page begins and dates its frames. */
const PLAYERS = {
  hls: {
    script: 'hls.js/dist/hls.min.js',
    begin: `
      const player = new Hls();
      player.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) { problem('hls.js ' + data.details); data.type === 'mediaError' ? player.recoverMediaError() : setTimeout(() => player.loadSource(url), 1000); } });
      player.loadSource(url);
      player.attachMedia(video);
      window.playingDate = () => player.playingDate?.getTime();`,
  },
  shaka: shaka(''),
  // shaka 5.2 in its default mode resets Chromium's parser before each append in about half of all sessions (its issue 10589:
  // media time ahead of playlist time, and a difference of 0.001 against a limit of 0.001), and parts that begin without a key
  // frame are then lost: freezes, though no stall. Its sequence mode is the makers' own way round.
  'shaka-sequence': shaka("player.configure('manifest.hls.sequenceMode', true);"),
  video: {
    script: 'video.js/dist/video.min.js',
    begin: `
      const player = videojs(video, { liveui: true, html5: { vhs: { llhls: true, overrideNative: true } } });
      player.on('error', () => problem('video.js ' + player.error()?.message));
      player.src({ src: url, type: 'application/x-mpegURL' });
      player.play()?.catch?.(() => undefined);
      // convertToProgramTime knows whole segments only; near the edge the picture is in a part.
      window.playingDate = () => {
        const segments = player.tech(true)?.vhs?.playlists?.media?.()?.segments ?? [];
        for (const segment of [...segments].reverse()) {
          const start = segment.start ?? segment.parts?.[0]?.start ?? segment.videoTimingInfo?.transmuxedPresentationStart;
          const date = segment.programDateTime ?? segment.dateTimeObject?.getTime();
          if (start !== undefined && date !== undefined) return date + (player.currentTime() - start) * 1000;
        }
        return undefined;
      };`,
  },
};

function shaka(configuration) {
  return {
    script: 'shaka-player/dist/shaka-player.compiled.js',
    begin: `
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      player.configure('streaming.lowLatencyMode', true);
      ${configuration}
      player.addEventListener('error', (event) => problem('shaka ' + event.detail.code));
      player.attach(video).then(() => player.load(url)).catch((error) => problem('shaka ' + (error.code ?? error)));
      window.playingDate = () => player.getPlayheadTimeAsDate()?.getTime();`,
  };
}

const { url, player: name, seconds, warmup, screenshot, json } = commandLine(USAGE, { player: 'hls', seconds: 60, warmup: 5, screenshot: '', json: false });
const player = PLAYERS[name] ?? fail(USAGE);

const page = `<!doctype html><meta charset="utf-8"><title>${name}</title>
<video id="video" class="video-js" muted autoplay playsinline width="960" height="540"></video>
<script src="/player.js"></script>
<script>
  window.problems = [];
  const problem = (text) => { window.problems.push(text); };
  const url = ${JSON.stringify(url)};
  const video = document.getElementById('video');
  ${player.begin}
</script>`;

const server = createServer((request, response) => {
  if (request.url === '/') {
    response.setHeader('content-type', 'text/html; charset=utf-8');
    response.end(page);
  } else if (request.url === '/player.js') {
    response.setHeader('content-type', 'text/javascript; charset=utf-8');
    createReadStream(fileURLToPath(new URL(player.script, MODULES))).pipe(response);
  } else {
    response.statusCode = 404;
    response.end();
  }
});
await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });

const result = await withPage(async (tab) => {
  await tab.goto(`http://127.0.0.1:${server.address().port}/`);
  await measure(tab);
  await tab.waitForTimeout(seconds * 1000);
  if (screenshot) await tab.screenshot({ path: screenshot });
  return { url, player: name, seconds, ...(await report(tab, { warmupSeconds: warmup })), problems: await tab.evaluate(() => window.problems) };
});
server.close();
process.exitCode = tell(result, json);
