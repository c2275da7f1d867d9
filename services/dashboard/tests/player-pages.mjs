// Players as their makers ship them: where each one's script lies, and how a page begins it and dates its picture.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const MODULES = new URL('../node_modules/', import.meta.url);

/**
 * `begin` is text of a page: it finds `video`, `url` and `problem(text)`, and leaves `playingDate()`, the wall-clock time of the picture
 * in milliseconds by the playlist's dates. Nothing restarts a player by hand. `docs/players.md` tells each one's known faults.
 */
export const PLAYERS = {
  hls: hls('{}'),
  // As our pages set it: it comes back to its distance (services/dashboard/src/player/hls-playback.ts).
  'hls-tuned': hls('{ maxLiveSyncPlaybackRate: 1.1, liveSyncOnStallIncrease: 0.25, backBufferLength: 60 }'),
  shaka: shaka(''),
  'shaka-sequence': shaka("player.configure('manifest.hls.sequenceMode', true);"),
  video: {
    script: 'video.js/dist/video.min.js',
    begin: `
      const player = videojs(video, { liveui: true, html5: { vhs: { llhls: true, overrideNative: true } } });
      player.on('error', () => problem('video.js ' + player.error()?.message));
      player.src({ src: url, type: 'application/x-mpegURL' });
      player.play()?.catch?.(() => undefined);
      // convertToProgramTime knows whole segments only; near the edge the picture is in a part.
      const playingDate = () => {
        const segments = player.tech(true)?.vhs?.playlists?.media?.()?.segments ?? [];
        for (const segment of [...segments].reverse()) {
          const start = segment.start ?? segment.parts?.[0]?.start ?? segment.videoTimingInfo?.transmuxedPresentationStart;
          const date = segment.programDateTime ?? segment.dateTimeObject?.getTime();
          if (start !== undefined && date !== undefined && start <= player.currentTime()) return date + (player.currentTime() - start) * 1000;
        }
        return undefined;
      };`,
  },
};

function hls(configuration) {
  return {
    script: 'hls.js/dist/hls.min.js',
    begin: `
      const player = new Hls(${configuration});
      player.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) problem('hls.js ' + data.details); });
      player.loadSource(url);
      player.attachMedia(video);
      const playingDate = () => player.playingDate?.getTime();`,
  };
}

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
      const playingDate = () => player.getPlayheadTimeAsDate()?.getTime();`,
  };
}

/**
 * Serves one page on a free loopback port, and the scripts of players below `/`.
 * @param {string} html
 * @returns {Promise<{url: string, close: () => void}>}
 */
export async function servePage(html) {
  const scripts = new Set(Object.values(PLAYERS).map(({ script }) => `/${script}`));
  const server = createServer((request, response) => {
    if (request.url === '/') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end(html);
    } else if (scripts.has(request.url)) {
      response.setHeader('content-type', 'text/javascript; charset=utf-8');
      createReadStream(fileURLToPath(new URL(`.${request.url}`, MODULES))).pipe(response);
    } else {
      response.statusCode = 404;
      response.end();
    }
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => { server.close(); } };
}
