// Several players side by side in one page of Chromium, each with the times of its frames: to see who goes on after an outage.
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { openBrowser } from '../../../services/dashboard/tests/browser.mjs';
import { temporaryFolder } from './process.mjs';

const MODULES = new URL('../../../services/dashboard/node_modules/', import.meta.url);
const SCRIPTS = { '/hls.js': 'hls.js/dist/hls.min.js', '/shaka.js': 'shaka-player/dist/shaka-player.compiled.js', '/video.js': 'video.js/dist/video.min.js' };

/** How each player begins, as in services/dashboard/tests/players.mjs; nothing restarts it by hand. */
const BEGIN = {
  hls: `
    const player = new Hls();
    player.on(Hls.Events.ERROR, (_, data) => { if (data.fatal) problem('hls.js fatal ' + data.details); });
    player.loadSource(url);
    player.attachMedia(video);`,
  shaka: `
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.configure('streaming.lowLatencyMode', true);
    player.configure('manifest.hls.sequenceMode', true);
    player.addEventListener('error', (event) => problem('shaka ' + event.detail.code));
    player.attach(video).then(() => player.load(url)).catch((error) => problem('shaka ' + (error.code ?? error)));`,
  video: `
    const player = videojs(video, { liveui: true, html5: { vhs: { llhls: true, overrideNative: true } } });
    player.on('error', () => problem('video.js ' + player.error()?.message));
    player.src({ src: url, type: 'application/x-mpegURL' });
    player.play()?.catch?.(() => undefined);`,
};

const html = (players) => `<!doctype html><meta charset="utf-8"><title>side by side</title>
${Object.keys(SCRIPTS).map((path) => `<script src="${path}"></script>`).join('\n')}
${players.map((_, index) => `<video id="v${index}" muted autoplay playsinline width="480" height="270"></video>`).join('\n')}
<script>
  window.frames_ = [];
  window.problems = [];
  ${players.map(({ player, url }, index) => `{
    const url = ${JSON.stringify(url)};
    const video = document.getElementById('v${index}');
    const frames = window.frames_[${index}] = [];
    const problem = (text) => { window.problems.push(text); };
    ${BEGIN[player]}
    // video.js moves the element; the node stays the same.
    const onFrame = () => { frames.push(Date.now()); video.requestVideoFrameCallback(onFrame); };
    video.requestVideoFrameCallback(onFrame);
  }`).join('\n')}
</script>`;

/** Opens the page; `frames()` gives, for each player, the wall-clock times of the frames shown so far. */
export async function open(players) {
  const server = createServer((request, response) => {
    const script = SCRIPTS[request.url];
    response.setHeader('content-type', script === undefined ? 'text/html; charset=utf-8' : 'text/javascript; charset=utf-8');
    if (script === undefined) response.end(request.url === '/' ? html(players) : '');
    else createReadStream(fileURLToPath(new URL(script, MODULES))).pipe(response);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const context = await openBrowser(temporaryFolder('chromium'));
  const page = context.pages()[0] ?? await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  return {
    frames: () => page.evaluate(() => window.frames_),
    problems: () => page.evaluate(() => window.problems),
    async close() { await context.close(); server.close(); },
  };
}

/** The longest time without a frame between two moments. */
export function longestStill(frames, from, to) {
  const within = [from, ...frames.filter((at) => at > from && at < to), to];
  return Math.max(...within.slice(1).map((at, index) => at - within[index]));
}
